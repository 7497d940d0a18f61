//! How the conversations of an agent on the host and those of its sessions become each other's.

use std::fmt;
use std::path::PathBuf;

use crate::seed::HostPlace;

/// How an agent's conversations go from its directory on the host into sessions and back.
#[derive(Debug, Clone, Copy)]
pub struct History {
    /// The directory that holds its configuration on the host.
    pub directory: fn(&HostPlace) -> PathBuf,
    /// The directory that a conversation began in.
    pub began_in: fn(&[u8]) -> Option<String>,
    /// What was said in a conversation, row by row, without all else that the agent notes in its file: what its own
    /// program would act on when it resumes it. Two files of one conversation differ in their ends only.
    pub said: fn(&[u8], Of<'_>) -> Result<Rows, Unshared>,
}

/// The rows of a conversation, each without the end of its line.
pub type Rows = Vec<Vec<u8>>;

/// Which conversation a file has to be.
#[derive(Debug, Clone, Copy)]
pub struct Of<'a> {
    /// Its id.
    pub id: &'a str,
    /// The directory that it is about.
    pub workspace: &'a str,
}

/// Why a file is not such a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unshared {
    /// It began in another directory.
    Elsewhere,
    /// This line is not what the agent writes.
    NoRow(usize),
    /// This line is of another conversation.
    OtherConversation(usize),
    /// This line names a directory outside of the workspace.
    OtherDirectory(usize),
}

impl fmt::Display for Unshared {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elsewhere => write!(out, "it began in another directory"),
            Self::NoRow(line) => write!(out, "line {line} is not what the agent writes"),
            Self::OtherConversation(line) => write!(out, "line {line} is of another conversation"),
            Self::OtherDirectory(line) => write!(out, "line {line} names a directory outside of the workspace"),
        }
    }
}
