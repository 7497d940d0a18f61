//! Where Incus is, and what of the host a container gets to see.

pub mod host_path;
mod place;
pub(crate) mod replaced;

pub use place::Site;
