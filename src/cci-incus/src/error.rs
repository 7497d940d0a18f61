//! What a call to Incus can end with.

use std::time::Duration;

/// The result of a call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure, told apart by numbers that the server gives and never by its sentences.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing answers there.
    #[error("cannot reach Incus at {endpoint}")]
    Unreachable {
        /// Socket path or address.
        endpoint: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The socket is there, and this user may not use it.
    #[error("no permission to use {endpoint}")]
    Forbidden {
        /// Socket path.
        endpoint: String,
    },
    /// The server answered with an error.
    #[error("{message}")]
    Refused {
        /// The method and path of the call.
        call: String,
        /// The server's number: an HTTP status.
        code: u16,
        /// The server's sentence.
        message: String,
    },
    /// The server took the work on, and it failed.
    #[error("{message}")]
    Failed {
        /// The caller's name for the step.
        step: String,
        /// The server's sentence.
        message: String,
    },
    /// The deadline passed.
    #[error("{step} did not finish within {} s", after.as_secs())]
    TimedOut {
        /// The caller's name for the step, or the call.
        step: String,
        /// The deadline.
        after: Duration,
        /// Whether the server still works on it.
        still_running: bool,
    },
    /// The connection broke in the middle.
    #[error("the connection to Incus broke: {0}")]
    Broken(Box<dyn std::error::Error + Send + Sync>),
    /// The server answered something that the API does not provide for.
    #[error("unexpected answer to {call}: {problem}")]
    Protocol {
        /// The method and path of the call.
        call: String,
        /// What is odd about it.
        problem: String,
    },
    /// A file of this machine that a call needs could not be read or written.
    #[error("{path}: {source}")]
    Local {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    fn code(&self) -> Option<u16> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether the object of the call does not exist (404).
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// Whether the object was changed since it was read (412).
    #[must_use]
    pub fn is_precondition_failed(&self) -> bool {
        self.code() == Some(412)
    }

    /// Whether the object exists already or is busy (409).
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.code() == Some(409)
    }
}
