//! Files between the host and any container, as one tar stream each way.

pub(super) mod flow;
mod pull;
mod push;
mod remote;
mod script;
mod sink;
mod stopped;
#[cfg(test)]
mod tests;

pub use pull::{Pull, pull};
pub use push::{Push, push};
pub use remote::Remote;

/// What was copied.
pub struct Moved {
    /// Whether it is a directory with its contents.
    pub tree: bool,
    /// Files, directories and links.
    pub files: u64,
    /// Their content, in bytes.
    pub bytes: u64,
    /// Where it is now.
    pub to: String,
}
