//! Trees as git has them: names in git's order, each with a kind and an id.

use crate::error::{Error, Result};
use crate::id::Id;

/// What a name in a tree stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// A tree.
    Directory,
    /// A blob.
    File,
    /// A blob that can be run.
    Program,
    /// A blob with the target of a symbolic link.
    Link,
}

impl Sort {
    /// As it is written in a tree.
    fn word(self) -> &'static [u8] {
        match self {
            Self::Directory => b"40000",
            Self::File => b"100644",
            Self::Program => b"100755",
            Self::Link => b"120000",
        }
    }
}

/// One name in a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Item<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) sort: Sort,
    pub(crate) id: Id,
}

impl Item<'_> {
    /// The order of git: as if the name of a directory ended in a slash.
    fn order(&self) -> (&[u8], &'static [u8]) {
        (self.name, if self.sort == Sort::Directory { b"/" } else { b"" })
    }
}

/// The bytes of a tree with these names.
pub(crate) fn encode(items: &mut [Item<'_>]) -> Vec<u8> {
    items.sort_unstable_by(|a, b| {
        let ((a, a_end), (b, b_end)) = (a.order(), b.order());
        a.iter().chain(a_end).cmp(b.iter().chain(b_end))
    });
    let mut out = Vec::with_capacity(items.iter().map(|item| item.name.len() + 28).sum());
    for item in items {
        out.extend_from_slice(item.sort.word());
        out.push(b' ');
        out.extend_from_slice(item.name);
        out.push(0);
        out.extend_from_slice(item.id.bytes());
    }
    out
}

/// The names in a tree.
pub(crate) fn decode(bytes: &[u8], id: Id) -> Result<Vec<Item<'_>>> {
    let damaged = || Error::Damaged { id, why: "it is no tree".to_owned() };
    gix_object::TreeRefIter::from_bytes(bytes, gix_hash::Kind::Sha1)
        .map(|entry| {
            let entry = entry.map_err(|_| damaged())?;
            let sort = match entry.mode.kind() {
                gix_object::tree::EntryKind::Tree => Sort::Directory,
                gix_object::tree::EntryKind::Blob => Sort::File,
                gix_object::tree::EntryKind::BlobExecutable => Sort::Program,
                gix_object::tree::EntryKind::Link => Sort::Link,
                gix_object::tree::EntryKind::Commit => return Err(damaged()),
            };
            let id = Id::from_bytes(entry.oid.as_bytes()).ok_or_else(damaged)?;
            Ok(Item { name: entry.filename, sort, id })
        })
        .collect()
}
