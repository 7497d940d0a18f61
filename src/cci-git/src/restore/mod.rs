//! Brings a directory back to what a snapshot holds. `lib.rs` has the rules.

pub(crate) mod begin;
pub(crate) mod directory;
pub(crate) mod how;
pub(crate) mod permit;
pub(crate) mod reflog;
pub(crate) mod refs;
pub(crate) mod remove;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod write;
pub(crate) mod zone;
