//! Single names in a snapshot, and the commit that a repository is at, there or on the disk.

use std::ffi::OsString;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path};

use crate::changes::Side;
use crate::dir::Dir;
use crate::error::Result;
use crate::held::{Directory, Held, Thing};
use crate::id::Snapshot;
use crate::restore::refs::{in_snapshot, in_workspace, value};
use crate::store::Store;

/// Where a worktree has its `HEAD`.
const HEAD: &[u8] = b"HEAD";

impl Store {
    /// What a snapshot holds under this path from its top; nothing if it does not hold it.
    pub fn find(&self, snapshot: &Snapshot, path: &Path) -> Result<Option<Side>> {
        let Some(held) = self.held(snapshot, path)? else { return Ok(None) };
        let id = match held.thing {
            Thing::Content(id) => Some(id),
            Thing::Directory(_) => None,
        };
        Ok(Some(Side { mode: held.mode, id }))
    }

    /// The names in a directory of a snapshot, or at its top; none if there is no such directory.
    pub fn names(&self, snapshot: &Snapshot, path: &Path) -> Result<Vec<OsString>> {
        let ids = match self.held(snapshot, path)? {
            None if path.as_os_str().is_empty() => *snapshot,
            Some(Held { thing: Thing::Directory(ids), .. }) => ids,
            _ => return Ok(Vec::new()),
        };
        let directory = Directory::read(&mut self.reader(), ids)?;
        Ok(directory.held.into_iter().map(|held| OsString::from_vec(held.name)).collect())
    }

    /// The patterns that were ignored when a snapshot was taken.
    pub fn ignored(&self, snapshot: &Snapshot) -> Result<Vec<String>> {
        Ok(Directory::read(&mut self.reader(), *snapshot)?.ignored)
    }

    /// The commit that the repository at this path of a snapshot was at, as digits; none before its first commit.
    pub fn commit(&self, snapshot: &Snapshot, repository: &Path) -> Result<Option<String>> {
        let Some(Held { thing: Thing::Directory(ids), .. }) = self.held(snapshot, repository)? else { return Ok(None) };
        let mut reader = self.reader();
        Ok(text(value(HEAD, &[], &mut |path| in_snapshot(&mut reader, ids, path))))
    }

    pub(crate) fn held(&self, snapshot: &Snapshot, path: &Path) -> Result<Option<Held>> {
        let mut reader = self.reader();
        let (mut ids, mut found) = (Some(*snapshot), None);
        for part in path.components() {
            let (Component::Normal(name), Some(here)) = (part, ids) else { return Ok(None) };
            let Some(held) = Directory::read(&mut reader, here)?.find(name.as_bytes()).cloned() else {
                return Ok(None);
            };
            ids = match held.thing {
                Thing::Directory(below) => Some(below),
                Thing::Content(_) => None,
            };
            found = Some(held);
        }
        Ok(found)
    }
}

/// The commit that a repository is at now, or one of its linked worktrees: read as files, through no link.
pub fn commit_of(repository: &impl AsFd, worktree: Option<&str>) -> Option<String> {
    let top = Dir::root(repository).ok()?;
    let place: Vec<&[u8]> = worktree.iter().flat_map(|name| [b"worktrees", name.as_bytes()]).collect();
    text(value(HEAD, &place, &mut |path| in_workspace(&top, path)))
}

fn text(digits: Option<Vec<u8>>) -> Option<String> {
    String::from_utf8(digits?).ok()
}
