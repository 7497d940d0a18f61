//! What a scan found: directories, each with its names.

use crate::id::Id;
use crate::meta::Meta;
use crate::not_held::{NotHeld, Why};

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// A file or a link with these bytes.
    Content(Id),
    /// The directory with this number.
    Directory(usize),
    /// What is not held.
    Not(Why),
    /// Not known yet; and, at the end, what vanished meanwhile.
    Open,
}

/// One name in a directory.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: Box<[u8]>,
    pub(crate) meta: Meta,
    pub(crate) what: What,
}

/// The ids that stand for all of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) tree: Id,
    pub(crate) stat: Id,
    pub(crate) records: Id,
}

/// One directory.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Names in the order of their bytes.
    pub(crate) entries: Vec<Entry>,
    pub(crate) ids: Option<Ids>,
    /// Files that an interrupted restore left here.
    pub(crate) leftovers: Vec<Box<[u8]>>,
    /// Whether there are such files here or below.
    pub(crate) littered: bool,
}

impl Listing {
    /// The entry of this name.
    pub(crate) fn find(&self, name: &[u8]) -> Option<&Entry> {
        self.entries.binary_search_by(|entry| (*entry.name).cmp(name)).ok().map(|at| &self.entries[at])
    }
}

/// All of a directory and of what is below.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// The first is the top.
    pub(crate) directories: Vec<Listing>,
    pub(crate) top: Meta,
    /// Files and links that are held.
    pub(crate) files: u64,
    /// How many bytes they have.
    pub(crate) bytes: u64,
    pub(crate) not_held: Vec<NotHeld>,
    /// Whether the stat cache knew all of it.
    pub(crate) as_cached: bool,
}
