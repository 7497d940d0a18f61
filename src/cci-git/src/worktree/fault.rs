//! Why an object, or a repository, is not taken.

use crate::id::Id;

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// An object that another one names is nowhere.
    #[error("object {id} is missing")]
    Missing {
        /// The object.
        id: Id,
    },
    /// An object is not what it has to be.
    #[error("object {id} is refused: {why}")]
    Refused {
        /// The object.
        id: Id,
        /// What is wrong with it.
        why: String,
    },
    /// A file of the repository cannot be read as what it is.
    #[error("{what} is damaged")]
    Damaged {
        /// Which.
        what: &'static str,
    },
    /// The working tree has something else where a file has to change.
    #[error("{} has changes of its own", path.display())]
    Changed {
        /// The file, from the top of the working tree.
        path: std::path::PathBuf,
    },
    /// A directory to copy is larger than any that is meant.
    #[error("there is too much in the directory to copy {}", path.display())]
    TooLarge {
        /// Where that was found.
        path: std::path::PathBuf,
    },
    /// The disk, or this machine, failed.
    #[error(transparent)]
    Failed(#[from] crate::Error),
}

/// What is answered here.
pub(super) type Result<T, E = Fault> = std::result::Result<T, E>;

/// An object with something wrong.
pub(super) fn refused(id: Id, why: impl Into<String>) -> Fault {
    Fault::Refused { id, why: why.into() }
}
