//! Containers: found, listed, changed, ended.

pub(crate) mod also_named;
pub mod container;
pub mod create;
pub mod ending;
pub mod list;
pub mod mount;
pub mod operations;
pub mod owned;
pub mod persist;
pub mod remove;
pub mod shutdown;
pub mod snapshot;
pub mod stop;
#[cfg(test)]
mod tests;
