//! What can go wrong with the store or with a directory as a whole; what goes wrong with one file of a workspace is part of a result.

use std::io;
use std::path::PathBuf;

use crate::id::Id;

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A call of the system failed.
    #[error("cannot {step} {}", path.display())]
    Io {
        /// What was being done, as it follows "cannot".
        step: &'static str,
        /// To what.
        path: PathBuf,
        /// How it failed.
        source: io::Error,
    },
    /// The disk, or the caller's share of it, is full.
    #[error("no space left to {step} {}", path.display())]
    Full {
        /// What was being done, as it follows "to".
        step: &'static str,
        /// To what.
        path: PathBuf,
        /// Whether it is the disk or the share.
        source: io::Error,
    },
    /// An object that another one names is not in the store.
    #[error("object {id} is missing from the store")]
    Missing {
        /// The object.
        id: Id,
    },
    /// An object is there, but cannot be what it was.
    #[error("object {id} of the store is damaged: {why}")]
    Damaged {
        /// The object.
        id: Id,
        /// What is wrong with it.
        why: String,
    },
    /// Different contents have the same id: only an attack on SHA-1 brings that about.
    #[error("a content was forged to have another one's SHA-1")]
    Forged,
    /// A pattern to ignore is none.
    #[error("`{pattern}` is no pattern of gitignore: {why}")]
    Pattern {
        /// As it was given.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
}

/// What the store answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whether `error` says that the disk or the quota is used up.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Names the step and the path of a failed call.
pub(crate) fn at<E: Into<io::Error>>(step: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(E) -> Error {
    move |error| {
        let (source, path) = (error.into(), path.into());
        if is_full(&source) { Error::Full { step, path, source } } else { Error::Io { step, path, source } }
    }
}
