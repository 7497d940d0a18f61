//! Containers: finding, listing, changing and removing them.

pub(crate) mod also_named;
pub mod container;
pub mod create;
pub mod ending;
pub(crate) mod init;
pub mod list;
pub mod mount;
pub mod operations;
pub mod original;
pub mod ownership;
pub mod persist;
pub mod remove;
pub mod shutdown;
pub mod snapshot;
pub(crate) mod start;
pub mod stop;
#[cfg(test)]
mod tests;
