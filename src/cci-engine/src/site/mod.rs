//! Where Incus is, and what of the host a container gets to see.

pub mod host_path;
mod place;

pub use place::Site;
