//! Where Incus is, and what a container gets to see of the host.

pub mod host_path;
mod place;

pub use place::Site;
