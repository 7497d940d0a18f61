//! Where Incus is, and what a container gets to see of the host.

pub(crate) mod access;
pub mod host_path;
mod place;
pub(crate) mod replaced;

pub use place::Site;

#[cfg(test)]
mod tests;
