//! What differs between two snapshots.

use std::path::PathBuf;

use crate::dir::path_of;
use crate::error::Result;
use crate::held::{Directory, Held, Thing};
use crate::id::{Id, Snapshot};
use crate::pack::read::Reader;
use crate::store::Store;

/// One name that is not the same in two snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where, from the top of the workspace.
    pub path: PathBuf,
    /// How it differs.
    pub kind: ChangeKind,
    /// What it was.
    pub old: Option<Side>,
    /// What it became.
    pub new: Option<Side>,
}

/// How a name differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// It was not there.
    Added,
    /// It is gone.
    Deleted,
    /// It has other bytes, or a link another target.
    Modified,
    /// It has the same bytes and other permissions.
    ModeChanged,
    /// It became something of another kind.
    Retyped,
}

/// A name in one of the snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Side {
    /// Kind and permissions, as in `st_mode`.
    pub mode: u32,
    /// The bytes of a file, or the target of a link; a directory has none.
    pub id: Option<Id>,
}

impl Store {
    /// Reads the directories of a snapshot, but for those that `beside` has too; fails if one is missing or damaged.
    pub fn read_directories(&self, snapshot: &Snapshot, beside: Option<&Snapshot>) -> Result<()> {
        let mut reader = self.reader();
        let mut waiting = vec![(beside.copied(), *snapshot)];
        while let Some((beside, snapshot)) = waiting.pop() {
            if beside == Some(snapshot) {
                continue;
            }
            let beside = beside.map(|ids| Directory::read(&mut reader, ids)).transpose()?.unwrap_or_default();
            for held in &Directory::read(&mut reader, snapshot)?.held {
                if let Some(below) = directory_of(held) {
                    waiting.push((beside.find(&held.name).and_then(directory_of), below));
                }
            }
        }
        Ok(())
    }

    /// What became of `old` in `new`, in the order of the names of each directory.
    ///
    /// A directory is mentioned only if it is or was empty, or has other permissions. Times alone are no change.
    pub fn changes(&self, old: &Snapshot, new: &Snapshot) -> Result<Vec<Change>> {
        let mut comparison = Comparison { reader: self.reader(), changes: Vec::new(), waiting: Vec::new() };
        let own = [old, new].map(|snapshot| Directory::read(&mut comparison.reader, *snapshot));
        let [old_own, new_own] = own;
        if let (Some((old, _)), Some((new, _))) = (old_own?.own, new_own?.own)
            && old != new
        {
            let side = |mode| Some(Side { mode, id: None });
            comparison.note(Vec::new(), ChangeKind::ModeChanged, side(old), side(new));
        }
        comparison.waiting.push((Vec::new(), Some(*old), Some(*new)));
        while let Some((path, old, new)) = comparison.waiting.pop() {
            comparison.directory(&path, old, new)?;
        }
        let mut changes = comparison.changes;
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(changes)
    }
}

/// A comparison on its way.
struct Comparison {
    reader: Reader,
    changes: Vec<Change>,
    waiting: Vec<(Vec<u8>, Option<Snapshot>, Option<Snapshot>)>,
}

impl Comparison {
    /// Compares one directory; those below wait.
    fn directory(&mut self, path: &[u8], old: Option<Snapshot>, new: Option<Snapshot>) -> Result<()> {
        if old == new {
            return Ok(());
        }
        let mut read = |ids: Option<Snapshot>| ids.map(|ids| Directory::read(&mut self.reader, ids)).transpose();
        let (old, new) = (read(old)?.unwrap_or_default(), read(new)?.unwrap_or_default());
        for held in &old.held {
            self.name(path, Some(held), new.find(&held.name));
        }
        for held in new.held.iter().filter(|held| old.find(&held.name).is_none()) {
            self.name(path, None, Some(held));
        }
        Ok(())
    }

    /// Compares one name.
    fn name(&mut self, above: &[u8], old: Option<&Held>, new: Option<&Held>) {
        let Some(name) = old.or(new).map(|held| &held.name) else { return };
        let path = if above.is_empty() { name.clone() } else { [above, name.as_slice()].join(&b'/') };
        let (before, after) = (old.and_then(directory_of), new.and_then(directory_of));
        if before != after {
            self.waiting.push((path.clone(), before, after));
        }
        let kind = match (old, new) {
            (Some(old), Some(new)) if kind_of(old.mode) != kind_of(new.mode) => ChangeKind::Retyped,
            (Some(old), Some(new)) if content_of(old) != content_of(new) => ChangeKind::Modified,
            (Some(old), Some(new)) if old.mode != new.mode => ChangeKind::ModeChanged,
            (None, Some(new)) if self.is_worth_a_line(new) => ChangeKind::Added,
            (Some(old), None) if self.is_worth_a_line(old) => ChangeKind::Deleted,
            _ => return,
        };
        self.note(path, kind, old.map(side_of), new.map(side_of));
    }

    /// Whether a thing that is on one side only is no directory, or an empty one.
    fn is_worth_a_line(&mut self, held: &Held) -> bool {
        directory_of(held)
            .is_none_or(|ids| Directory::read(&mut self.reader, ids).is_ok_and(|directory| directory.held.is_empty()))
    }

    fn note(&mut self, path: Vec<u8>, kind: ChangeKind, old: Option<Side>, new: Option<Side>) {
        self.changes.push(Change { path: path_of(path), kind, old, new });
    }
}

fn kind_of(mode: u32) -> u32 {
    mode & 0o170_000
}

fn content_of(held: &Held) -> Option<Id> {
    match held.thing {
        Thing::Content(id) => Some(id),
        Thing::Directory(_) => None,
    }
}

fn directory_of(held: &Held) -> Option<Snapshot> {
    match held.thing {
        Thing::Content(_) => None,
        Thing::Directory(ids) => Some(ids),
    }
}

fn side_of(held: &Held) -> Side {
    Side { mode: held.mode, id: content_of(held) }
}
