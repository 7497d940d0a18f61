//! What a restore did, and what it could not do.

use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

use crate::not_held::Why;

/// What a restore did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// Files and links that were written, and directories that were made.
    pub written: u64,
    /// Files, links and directories that were removed.
    pub removed: u64,
    /// What had its bytes, but other permissions or another time.
    pub adjusted: u64,
    /// What appeared since and stays, because no snapshot could bring it back.
    pub kept: Vec<Left>,
    /// What the snapshot holds and is not back.
    pub failed: Vec<Left>,
}

/// Something that is not as in the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Left {
    /// Where, from the top of the workspace.
    pub path: PathBuf,
    /// Why it is not.
    pub why: Obstacle,
}

/// What stood in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Obstacle {
    /// The caller may not change it: it belongs to another user, or nobody may.
    Denied,
    /// It was replaced by something else while it was restored.
    Changing,
    /// What is there now could not be held, so it was not touched.
    NotHeld(Why),
    /// Something in the directory stays.
    NotEmpty,
    /// The store has lost what it was.
    Lost,
    /// The file is back without the bits that would let it run as somebody else.
    WithoutSetId,
    /// The system says this.
    Other(io::ErrorKind),
}

impl From<Errno> for Obstacle {
    fn from(error: Errno) -> Self {
        match error {
            Errno::ACCESS | Errno::PERM | Errno::ROFS => Self::Denied,
            Errno::NOENT | Errno::LOOP | Errno::NOTDIR | Errno::ISDIR | Errno::EXIST | Errno::STALE => Self::Changing,
            Errno::NOTEMPTY => Self::NotEmpty,
            other => Self::Other(io::Error::from(other).kind()),
        }
    }
}

impl From<io::Error> for Obstacle {
    fn from(error: io::Error) -> Self {
        error.raw_os_error().map_or(Self::Other(error.kind()), |number| Self::from(Errno::from_raw_os_error(number)))
    }
}
