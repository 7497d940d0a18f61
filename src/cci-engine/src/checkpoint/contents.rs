//! The contents of checkpoints: files of the workspace and of a conversation, in and out of the store.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cci_agent::Agent;
use cci_core::checkpoint::{self, NotHeld};
use cci_core::settings::CheckpointSettings;
use cci_core::{Error, Result};
use cci_git::{Capture, Captured, Id, Obstacle, Restore, Restored, Snapshot, Store, Why};
use cci_guest::GuestText;

use crate::blocking::blocking;
use crate::site::host_path;
use cci_host::store::checkpoints::Checkpoints;

/// A tree of files that checkpoints hold, and what of it they leave out.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    root: PathBuf,
    ignore: Vec<String>,
    max_file: u64,
    cache: PathBuf,
}

impl Place {
    /// The files of a workspace.
    pub(crate) fn workspace(root: &Path, settings: &CheckpointSettings, cache: PathBuf) -> Self {
        Self { root: root.to_owned(), ignore: settings.ignore.clone(), max_file: settings.max_file_bytes(), cache }
    }

    /// The files of a workspace, but for what an earlier look at it left out.
    pub(crate) fn as_before(root: &Path, ignore: Vec<String>, max_file: u64, cache: PathBuf) -> Self {
        Self { root: root.to_owned(), ignore, max_file, cache }
    }

    /// What of an agent's state directory is the conversation.
    pub(crate) fn conversation(state: &Path, agent: &dyn Agent, cache: PathBuf) -> Self {
        let kept = agent.conversation().iter().map(|name| format!("!/{name}"));
        let ignore = std::iter::once("/*".to_owned()).chain(kept).collect();
        Self { root: host_path::real(state), ignore, max_file: u64::MAX, cache }
    }

    /// The same without what these patterns match.
    pub(crate) fn sparing(mut self, patterns: &[&str]) -> Self {
        self.ignore.extend(patterns.iter().map(|pattern| (*pattern).to_owned()));
        self
    }

    /// Whether nothing is known of its files yet, so that the first look takes long.
    pub(crate) fn is_new(&self) -> bool {
        !self.cache.exists()
    }

    /// Takes the files into the store.
    pub(crate) fn capture(&self, store: &Store) -> Result<Captured> {
        let how = Capture { ignore: &self.ignore, max_file: self.max_file, cache: Some(&self.cache) };
        store.capture(&self.opened()?, &how).map_err(failed)
    }

    /// Brings the files back from the store.
    pub(crate) fn restore(&self, store: &Store, to: &Snapshot, label: &str) -> Result<Restored> {
        let how = Restore {
            ignore: &self.ignore,
            max_file: self.max_file,
            cache: Some(&self.cache),
            except: &[],
            reflog: label,
        };
        let restored = store.restore(&self.opened()?, to, &how);
        restored.map_err(|error| failed(below(&self.root, error)))
    }

    /// Whether all of a snapshot came back, but for bits that would let a file run as another user.
    pub(crate) fn is_whole(&self, restored: &Restored, what: &'static str) -> Result<()> {
        whole(restored, &self.root, what)
    }

    /// Makes one file what a snapshot holds of it.
    pub(crate) fn put_back(&self, store: &Store, snapshot: &Snapshot, path: &Path) -> Result<()> {
        let put = store.put_back(&self.opened()?, snapshot, path);
        put.map(drop).map_err(|error| failed(below(&self.root, error)))
    }

    fn opened(&self) -> Result<OwnedFd> {
        opened(&self.root)
    }
}

/// Puts all files of a snapshot into an empty directory, without these names at its top.
pub(crate) fn materialise(store: &Store, into: &Path, from: &Snapshot, except: &[&OsStr]) -> Result<Restored> {
    let into = host_path::real(into);
    store.materialise(&opened(&into)?, from, except).map_err(|error| failed(below(&into, error)))
}

/// An error in the files below a directory with their whole path.
fn below(root: &Path, error: cci_git::Error) -> cci_git::Error {
    match error {
        cci_git::Error::Io { step, path, source } => cci_git::Error::Io { step, path: root.join(path), source },
        cci_git::Error::Full { step, path, source } => cci_git::Error::Full { step, path: root.join(path), source },
        other => other,
    }
}

/// Whether all that was to be written is there, but for bits that would let a file run as another user.
pub(crate) fn whole(restored: &Restored, root: &Path, what: &'static str) -> Result<()> {
    let mut lacking = restored.failed.iter().filter(|left| left.why != Obstacle::WithoutSetId);
    let Some(first) = lacking.next() else { return Ok(()) };
    let others = match lacking.count() {
        0 => String::new(),
        others => format!(" (and {others} more)"),
    };
    let problem = format!("cannot write {}: {}{others}", shown(&root.join(&first.path)), because(first.why));
    Err(Error::StepFailed { step: format!("writing {what}"), problem, hint: None })
}

/// The first file that came back without the bits that let it run as another user, and how many did.
pub(crate) type WithoutSetId = Option<(PathBuf, usize)>;

/// Which files came back without these bits.
pub(crate) fn without_set_id(restored: &Restored) -> WithoutSetId {
    let mut without = restored.failed.iter().filter(|left| left.why == Obstacle::WithoutSetId);
    without.next().map(|first| (first.path.clone(), 1 + without.count()))
}

/// Why something could not be written.
fn because(why: Obstacle) -> String {
    match why {
        Obstacle::Denied => "permission denied".into(),
        Obstacle::Changing => "something else takes its place meanwhile".into(),
        Obstacle::NotHeld(_) => "checkpoints do not hold what is there now, so that stays".into(),
        Obstacle::NotEmpty => "something in the directory that is there now stays".into(),
        Obstacle::Lost => "it is damaged in the store; `cci doctor` verifies the checkpoints".into(),
        Obstacle::WithoutSetId => "it does not run as another user any more".into(),
        Obstacle::Other(kind) => kind.to_string(),
    }
}

/// A directory, by a path in which a link that was added since is not followed.
fn opened(path: &Path) -> Result<OwnedFd> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS);
    opened.map_err(|error| Error::Host { step: "open", path: path.to_owned(), source: error.into() })
}

/// Opens the store of a workspace's checkpoints, which is made if it is missing.
pub(crate) fn store(kept: &Checkpoints) -> Result<Store> {
    kept.create()?;
    Store::open(&kept.store()).map_err(failed)
}

/// What the record says of a workspace's files.
pub(crate) fn tree(captured: &Captured) -> checkpoint::Tree {
    let Snapshot { tree, stat } = &captured.snapshot;
    checkpoint::Tree { tree: tree.to_string(), stat: stat.to_string(), files: captured.files, bytes: captured.bytes }
}

/// Two ids of a record as the store reads them.
pub(crate) fn snapshot(tree: &str, stat: &str) -> Result<Snapshot> {
    let id = |raw: &str| raw.parse().map_err(|_| Error::Internal(format!("'{raw}' is not an object id")));
    Ok(Snapshot { tree: id(tree)?, stat: id(stat)? })
}

/// What the record says of files that are not held.
pub(crate) fn not_held(captured: &Captured) -> Vec<NotHeld> {
    let of =
        |one: &cci_git::NotHeld| NotHeld { path: GuestText::new(&one.path).to_string(), why: word(one.why).to_owned() };
    captured.not_held.iter().map(of).collect()
}

/// Why something is not held, in the record.
fn word(why: Why) -> &'static str {
    match why {
        Why::TooLarge => "too-large",
        Why::Unreadable => "unreadable",
        Why::Special(_) => "special",
        Why::Changing => "changing",
        Why::Mount => "other-file-system",
        Why::Forged => "forged",
    }
}

/// A failure of the store as cci's own error.
pub(crate) fn failed(error: cci_git::Error) -> Error {
    match error {
        cci_git::Error::Io { step, path, source } | cci_git::Error::Full { step, path, source } => {
            Error::Host { step, path, source }
        }
        other => Error::StepFailed {
            step: "reading the checkpoints".into(),
            problem: other.to_string(),
            hint: Some("`cci doctor` verifies them".into()),
        },
    }
}

/// How many files differ between two trees of workspaces; all of them if there is no first one.
pub(crate) async fn changed_between(
    store: &Arc<Store>,
    before: Option<&checkpoint::Tree>,
    after: &checkpoint::Tree,
) -> Result<u64> {
    let Some(before) = before else { return Ok(after.files) };
    let (a, b) = (snapshot(&before.tree, &before.stat)?, snapshot(&after.tree, &after.stat)?);
    let store = Arc::clone(store);
    let changes = blocking(move || store.changes(&a, &b).map_err(failed)).await?;
    Ok(changes.len() as u64)
}

/// The objects that a record names.
pub(crate) fn held(node: &checkpoint::Node) -> Result<Vec<Id>> {
    let tree = node.tree.as_ref().map(|tree| (&tree.tree, &tree.stat));
    let talk = node.talk.as_ref().map(|talk| (&talk.tree, &talk.stat));
    let git = node.git.as_ref().map(|git| (&git.tree, &git.stat));
    let mut held = Vec::new();
    for (tree, stat) in tree.into_iter().chain(talk).chain(git) {
        let snapshot = snapshot(tree, stat)?;
        held.extend([snapshot.tree, snapshot.stat]);
    }
    Ok(held)
}

/// Removes what none of these records holds.
pub(crate) fn prune(store: &Store, nodes: &[checkpoint::Node]) -> Result<()> {
    let mut kept = Vec::new();
    for node in nodes {
        kept.extend(held(node)?);
    }
    store.prune(kept).map(drop).map_err(failed)
}

/// A path of the host in a message.
pub(crate) fn shown(path: &Path) -> GuestText {
    GuestText::new(path)
}

#[cfg(test)]
mod tests {
    use cci_git::Left;

    use super::*;

    #[test]
    fn what_is_not_back_is_told_but_for_the_bits_that_never_come_back() {
        let left = |path: &str, why| Left { path: path.into(), why };
        let told = |failed: Vec<Left>| whole(&Restored { failed, ..Restored::default() }, Path::new("/w"), "the files");
        let set_id = || left("a", Obstacle::WithoutSetId);
        assert!(told(vec![set_id()]).is_ok());
        let twice = Restored { failed: vec![left("b", Obstacle::Lost), set_id(), set_id()], ..Restored::default() };
        assert_eq!(without_set_id(&twice), Some(("a".into(), 2)));
        let error = told(vec![set_id(), left("b/c", Obstacle::Denied), left("d", Obstacle::Lost)]).unwrap_err();
        assert_eq!(error.to_string(), "writing the files failed: cannot write /w/b/c: permission denied (and 1 more)");
    }

    #[test]
    fn a_full_disk_is_named_by_the_whole_path() {
        let full = |path: &str| {
            let source = std::io::ErrorKind::StorageFull.into();
            failed(below(Path::new("/w"), cci_git::Error::Full { step: "restore", path: path.into(), source }))
                .to_string()
        };
        assert!(full("a/b").starts_with("cannot restore /w/a/b: "), "{}", full("a/b"));
        assert!(full("/store.git/x").starts_with("cannot restore /store.git/x: "));
    }
}
