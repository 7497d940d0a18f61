//! Ids are computed from an object's kind, size and bytes.

use crate::error::{Error, Result};
use crate::id::Id;

/// The kinds of objects that the store writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Bytes.
    Blob,
    /// Names, each with a kind and an id.
    Tree,
    /// A tree with its history, which only comes from elsewhere.
    Commit,
}

impl Kind {
    /// The kind that the library calls so, if the store writes it.
    pub(crate) fn of(kind: gix_object::Kind) -> Option<Self> {
        match kind {
            gix_object::Kind::Blob => Some(Self::Blob),
            gix_object::Kind::Tree => Some(Self::Tree),
            gix_object::Kind::Commit => Some(Self::Commit),
            gix_object::Kind::Tag => None,
        }
    }

    /// The word in an object's header.
    fn word(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Tree => "tree",
            Self::Commit => "commit",
        }
    }
}

/// Computes the id of an object whose size is known before its bytes.
pub(crate) struct Hashing(gix_hash::Hasher);

impl Hashing {
    /// Begins with an object's header.
    pub(crate) fn new(kind: Kind, size: u64) -> Self {
        let mut hasher = gix_hash::hasher(gix_hash::Kind::Sha1);
        hasher.update(format!("{} {size}\0", kind.word()).as_bytes());
        Self(hasher)
    }

    /// Begins with nothing: for the checksums of files.
    pub(crate) fn plain() -> Self {
        Self(gix_hash::hasher(gix_hash::Kind::Sha1))
    }

    /// Takes further bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The id of all that was taken.
    pub(crate) fn finish(self) -> Result<Id> {
        let id = self.0.try_finalize().map_err(|_| Error::Forged)?;
        Id::from_bytes(id.as_bytes()).ok_or(Error::Forged)
    }
}

/// The id of an object.
pub(crate) fn id_of(kind: Kind, bytes: &[u8]) -> Result<Id> {
    let mut hashing = Hashing::new(kind, bytes.len() as u64);
    hashing.update(bytes);
    hashing.finish()
}
