//! What building an image means: from what, by which steps, with which files, and how a failure is told.

pub mod bootstrap;
pub mod files;
pub mod metadata;
pub mod source;
pub mod steps;
