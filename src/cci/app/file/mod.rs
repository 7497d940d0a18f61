//! Files between the host and any container, as one tar stream each way.

pub(super) mod flow;
mod pull;
mod push;
mod remote;
mod script;
mod sink;
mod stopped;

pub(crate) use pull::{Pull, pull};
pub(crate) use push::{Push, push};
pub(crate) use remote::Remote;

/// What was moved.
pub(crate) struct Moved {
    /// Files, directories and links.
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// Where it is now.
    pub(crate) to: String,
}
