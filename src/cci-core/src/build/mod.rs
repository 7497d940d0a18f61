//! Building an image: its source, steps and files, and how a failure is reported.

pub mod agents;
pub mod bootstrap;
pub mod files;
pub mod metadata;
pub mod recipe;
pub mod source;
pub mod steps;
