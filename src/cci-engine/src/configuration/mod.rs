//! Configuration files and profiles; none of it needs Incus.

pub mod allowed;
pub mod config;
pub mod profile;
