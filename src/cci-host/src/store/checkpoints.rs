//! `~/.cci/checkpoints/<workspace hash>/`: the records of a workspace's checkpoints, which of them is current, and the
//! journal of a rewind. The contents are in `store.git` beside them.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use cci_core::checkpoint::{CheckpointId, Node};
use cci_core::session::SessionId;
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::put::{self, host};

/// The journal of a rewind, beside the records.
const JOURNAL: &str = "rewind.json";
const HEADS: &str = "heads.json";
const ORIGIN: &str = "origin.json";

/// The checkpoints of a workspace and of its forks.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    dir: PathBuf,
}

/// What a look through the records found.
#[derive(Debug, Default)]
pub struct Records {
    /// Those that can be read.
    pub nodes: BTreeMap<CheckpointId, Node>,
    /// Why each of the others cannot; what they name is kept.
    pub damaged: BTreeMap<CheckpointId, Error>,
}

/// Which checkpoint each conversation and each workspace is at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heads {
    /// By conversation.
    #[serde(default)]
    pub sessions: BTreeMap<SessionId, CheckpointId>,
    /// By the hash of the workspace.
    #[serde(default)]
    pub workspaces: BTreeMap<String, CheckpointId>,
    /// When a rewind of each container ended: RFC 3339, UTC, milliseconds.
    #[serde(default)]
    pub rewound: BTreeMap<String, String>,
    /// What each container's root file system was when it was last known to be what a checkpoint holds.
    #[serde(default)]
    pub settled: BTreeMap<String, Settled>,
}

/// What a container's root file system was while a checkpoint held all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The checkpoint.
    pub checkpoint: CheckpointId,
    /// What the container said.
    pub state: String,
}

impl Heads {
    /// The current checkpoint of a conversation, or of a workspace without one.
    #[must_use]
    pub fn of(&self, session: Option<SessionId>, workspace: &Workspace) -> Option<&CheckpointId> {
        match session {
            Some(session) => self.sessions.get(&session),
            None => self.workspaces.get(&workspace.hash().to_string()),
        }
    }

    /// The checkpoint that steps are counted from: the current one of a conversation, else that of its workspace.
    #[must_use]
    pub fn nearest(&self, session: Option<SessionId>, workspace: &Workspace) -> Option<&CheckpointId> {
        self.of(session, workspace).or_else(|| self.of(None, workspace))
    }

    /// Makes a checkpoint the current one.
    pub fn set(&mut self, session: Option<SessionId>, workspace: &Workspace, id: &CheckpointId) {
        if let Some(session) = session {
            self.sessions.insert(session, id.clone());
        }
        self.workspaces.insert(workspace.hash().to_string(), id.clone());
    }
}

/// A rewind in progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    /// Where it leads.
    pub to: CheckpointId,
    /// What was there before.
    pub from: CheckpointId,
    /// Which parts it brings back.
    pub parts: Vec<Part>,
    /// The conversation that it is about.
    pub session: Option<SessionId>,
    /// The container that it is about.
    pub container: Option<String>,
}

/// One of the three states that a checkpoint holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The container's root file system.
    Container,
    /// The files of the workspace.
    Workspace,
    /// What the agent remembers.
    Conversation,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Container, Self::Workspace, Self::Conversation];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Workspace => "workspace",
            Self::Conversation => "conversation",
        }
    }
}

/// Where a fork comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The workspace whose checkpoints it shares.
    pub workspace: PathBuf,
    /// The checkpoint that was opened.
    pub checkpoint: CheckpointId,
    /// The fork's own workspace.
    #[serde(default)]
    pub fork: PathBuf,
    /// When it was made: RFC 3339, UTC.
    #[serde(default)]
    pub at: String,
    /// How its repository is the origin's, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked: Option<Worktree>,
}

/// A linked worktree that cci has added to a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worktree {
    /// The repository's own directory, a `.git`, with all links resolved.
    pub repository: PathBuf,
    /// What the repository calls the worktree.
    pub name: String,
    /// Its branch, such as `cci/fork-3fa9c1`.
    pub branch: String,
    /// The commit that the branch began at.
    pub commit: String,
}

/// Held while checkpoints of a workspace are taken, brought back or removed.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the lock lasts as long as the file is open")] File);

impl Checkpoints {
    /// Those of a workspace; a fork's are those of its origin.
    pub fn of(cci_dir: &Path, workspace: &Workspace) -> Result<Self> {
        let own = Self { dir: cci_dir.join("checkpoints").join(workspace.hash().to_string()) };
        match own.origin()? {
            Some(origin) => {
                let hash = Workspace::at(&origin.workspace).hash();
                Ok(Self { dir: cci_dir.join("checkpoints").join(hash.to_string()) })
            }
            None => Ok(own),
        }
    }

    /// Those of every workspace.
    pub fn all(cci_dir: &Path) -> Result<Vec<Self>> {
        let dir = cci_dir.join("checkpoints");
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(host("read", &dir)(error)),
        };
        let mut all = Vec::new();
        for entry in entries {
            let dir = entry.map_err(host("read", &dir))?.path();
            if dir.join("nodes").is_dir() {
                all.push(Self { dir });
            }
        }
        all.sort_by(|a, b| a.dir.cmp(&b.dir));
        Ok(all)
    }

    /// Where a workspace was forked from, if it is a fork.
    pub fn origin_of(cci_dir: &Path, workspace: &Workspace) -> Result<Option<Origin>> {
        Self { dir: cci_dir.join("checkpoints").join(workspace.hash().to_string()) }.origin()
    }

    /// Notes that a workspace is a fork.
    pub fn note_origin(cci_dir: &Path, fork: &Workspace, origin: &Origin) -> Result<()> {
        let own = Self { dir: cci_dir.join("checkpoints").join(fork.hash().to_string()) };
        own.create()?;
        own.put(ORIGIN, origin)
    }

    /// Every fork of every workspace, by name; a note that cannot be read is passed over.
    pub fn forks(cci_dir: &Path) -> Result<Vec<Origin>> {
        let all = cci_dir.join("checkpoints");
        let entries = match fs::read_dir(&all) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(host("read", &all)(error)),
        };
        let noted = entries.flatten().filter_map(|entry| Self { dir: entry.path() }.origin().ok().flatten());
        let mut forks: Vec<Origin> = noted.filter(|origin| origin.fork.is_absolute()).collect();
        forks.sort_by(|a, b| a.fork.cmp(&b.fork));
        Ok(forks)
    }

    /// The checkpoints that forks were made of.
    pub fn forked(&self) -> Result<Vec<CheckpointId>> {
        let cci_dir = self.dir.ancestors().nth(2).unwrap_or(&self.dir);
        Ok(Self::forks(cci_dir)?.into_iter().map(|fork| fork.checkpoint).collect())
    }

    /// Forgets that a workspace is a fork; returns whether it was noted.
    pub fn forget_origin(cci_dir: &Path, fork: &Workspace) -> Result<bool> {
        let own = Self { dir: cci_dir.join("checkpoints").join(fork.hash().to_string()) };
        let noted = own.origin()?.is_some();
        own.unlink(ORIGIN)?;
        own.sweep()?;
        // only what is empty: it may have had checkpoints of its own
        let _ = fs::remove_dir(own.dir.join("nodes"));
        let _ = fs::remove_dir(&own.dir);
        Ok(noted)
    }

    fn origin(&self) -> Result<Option<Origin>> {
        self.get(ORIGIN)
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The repository with the contents.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.dir.join("store.git")
    }

    /// What is known of a workspace's files since the last look.
    #[must_use]
    pub fn cache(&self, workspace: &Workspace) -> PathBuf {
        self.dir.join(format!("files-{}.cache", workspace.hash()))
    }

    /// The same of a conversation's files.
    #[must_use]
    pub fn conversation_cache(&self, session: SessionId) -> PathBuf {
        self.dir.join(format!("conversation-{session}.cache"))
    }

    /// Makes the directory.
    pub fn create(&self) -> Result<()> {
        put::private_directory(&self.dir.join("nodes"))
    }

    /// Waits until nobody else takes, brings back or removes checkpoints of the workspace.
    pub fn lock(&self) -> Result<Lock> {
        let file = self.lock_file()?;
        file.lock().map_err(host("lock", &self.dir))?;
        Ok(Lock(file))
    }

    /// The same without waiting; `None` if somebody does.
    pub fn try_lock(&self) -> Result<Option<Lock>> {
        let file = self.lock_file()?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(host("lock", &self.dir)(source)),
        }
    }

    fn lock_file(&self) -> Result<File> {
        self.create()?;
        let path = self.dir.join("lock");
        let mut options = File::options();
        options.create(true).truncate(false).write(true).mode(put::PRIVATE);
        options.open(&path).map_err(host("open", &path))
    }

    /// Removes files that an interrupted command has not put into place; nobody else may write meanwhile.
    pub fn sweep(&self) -> Result<()> {
        for dir in [self.dir.clone(), self.dir.join("nodes")] {
            let entries = match fs::read_dir(&dir) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries.map_err(host("read", &dir))?,
            };
            for entry in entries {
                let path = entry.map_err(host("read", &dir))?.path();
                if put::is_beside(&path) {
                    fs::remove_file(&path).map_err(host("remove", &path))?;
                }
            }
        }
        Ok(())
    }

    /// Every record; one that cannot be read is named and passed over.
    pub fn records(&self) -> Result<Records> {
        let dir = self.dir.join("nodes");
        let mut records = Records::default();
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(records),
            Err(error) => return Err(host("read", &dir)(error)),
        };
        for entry in entries {
            let name = entry.map_err(host("read", &dir))?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".json")?.parse::<CheckpointId>().ok());
            let Some(id) = id else { continue };
            match self.node(&id) {
                Ok(Some(node)) => drop(records.nodes.insert(id, node)),
                Ok(None) => {}
                Err(error) => drop(records.damaged.insert(id, error)),
            }
        }
        Ok(records)
    }

    /// One record.
    pub fn node(&self, id: &CheckpointId) -> Result<Option<Node>> {
        self.get(&record(id))
    }

    /// Where a record is, or would be.
    #[must_use]
    pub fn place(&self, id: &CheckpointId) -> PathBuf {
        self.dir.join(record(id))
    }

    /// Writes a record: from then on the checkpoint exists.
    pub fn write(&self, node: &Node) -> Result<()> {
        self.put(&record(&node.id), node)
    }

    /// Removes a record: from then on the checkpoint does not exist.
    pub fn remove(&self, id: &CheckpointId) -> Result<()> {
        self.unlink(&record(id))
    }

    /// Which checkpoints are current.
    pub fn heads(&self) -> Result<Heads> {
        Ok(self.get(HEADS)?.unwrap_or_default())
    }

    /// Writes which checkpoints are current.
    pub fn write_heads(&self, heads: &Heads) -> Result<()> {
        self.put(HEADS, heads)
    }

    /// The rewind in progress, or the one that was interrupted.
    pub fn journal(&self) -> Result<Option<Journal>> {
        self.get(JOURNAL)
    }

    /// Notes that a rewind begins.
    pub fn write_journal(&self, journal: &Journal) -> Result<()> {
        self.put(JOURNAL, journal)
    }

    /// Notes that the rewind is complete.
    pub fn clear_journal(&self) -> Result<()> {
        self.unlink(JOURNAL)
    }

    pub(super) fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let path = self.dir.join(name);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(host("read", &path)(error)),
        };
        let damaged = |error| host("read", &path)(io::Error::new(io::ErrorKind::InvalidData, error));
        serde_json::from_slice(&bytes).map(Some).map_err(damaged)
    }

    pub(super) fn put(&self, name: &str, value: &impl Serialize) -> Result<()> {
        put::json(&self.dir.join(name), value)
    }

    fn unlink(&self, name: &str) -> Result<()> {
        let path = self.dir.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(host("remove", &path)(error)),
            _ => Ok(()),
        }
    }
}

fn record(id: &CheckpointId) -> String {
    format!("nodes/{id}.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> Journal {
        Journal {
            to: "0000000001".parse().unwrap(),
            from: "0000000002".parse().unwrap(),
            parts: vec![Part::Workspace],
            session: None,
            container: Some("cci-9c09f805-1".into()),
        }
    }

    #[test]
    fn a_journal_lasts_until_it_is_cleared() {
        let home = tempfile::tempdir().unwrap();
        let kept = Checkpoints::of(home.path(), &Workspace::at("/w")).unwrap();
        kept.create().unwrap();
        assert_eq!(kept.journal().unwrap(), None);
        kept.write_journal(&journal()).unwrap();
        assert_eq!(kept.journal().unwrap(), Some(journal()));
        kept.clear_journal().unwrap();
        kept.clear_journal().unwrap();
        assert_eq!(kept.journal().unwrap(), None);
    }

    #[test]
    fn a_record_that_is_damaged_is_named_and_the_others_are_read() {
        let home = tempfile::tempdir().unwrap();
        let kept = Checkpoints::of(home.path(), &Workspace::at("/w")).unwrap();
        assert!(kept.records().unwrap().nodes.is_empty(), "there is no directory yet");
        kept.create().unwrap();
        fs::write(kept.dir().join("nodes/0000000001.json"), "{").unwrap();
        fs::write(kept.dir().join("nodes/other"), "{").unwrap();
        let records = kept.records().unwrap();
        assert_eq!(records.damaged.len(), 1, "{:?}", records.damaged);
        assert!(
            records.damaged.values().all(|error| error.to_string().contains("0000000001")),
            "{:?}",
            records.damaged
        );
    }

    #[test]
    fn a_fork_shares_the_checkpoints_of_its_origin() {
        let home = tempfile::tempdir().unwrap();
        let (origin, fork) = (Workspace::at("/w"), Workspace::at("/forks/a"));
        let from = Origin {
            workspace: "/w".into(),
            checkpoint: "0000000001".parse().unwrap(),
            fork: "/forks/a".into(),
            at: String::new(),
            linked: None,
        };
        Checkpoints::note_origin(home.path(), &fork, &from).unwrap();
        let of = |workspace| Checkpoints::of(home.path(), workspace).unwrap().dir;
        assert_eq!(of(&fork), of(&origin));
        assert_eq!(Checkpoints::origin_of(home.path(), &fork).unwrap(), Some(from.clone()));
        assert_eq!(Checkpoints::origin_of(home.path(), &origin).unwrap(), None);
        assert_eq!(Checkpoints::forks(home.path()).unwrap(), [from]);
        fs::write(put::beside(&home.path().join("checkpoints").join(fork.hash().to_string()).join(ORIGIN)), "")
            .unwrap();
        assert!(Checkpoints::forget_origin(home.path(), &fork).unwrap());
        assert!(!home.path().join("checkpoints").join(fork.hash().to_string()).exists(), "nothing of it is left");
        assert!(!Checkpoints::forget_origin(home.path(), &fork).unwrap());
        assert_eq!(Checkpoints::forks(home.path()).unwrap(), []);
    }

    #[test]
    fn what_was_not_put_into_place_is_removed_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let kept = Checkpoints::of(home.path(), &Workspace::at("/w")).unwrap();
        kept.write_journal(&journal()).unwrap_err();
        kept.create().unwrap();
        kept.write_journal(&journal()).unwrap();
        let left = [put::beside(&kept.dir().join(HEADS)), put::beside(&kept.dir().join("nodes/0000000001.json"))];
        for path in left.iter().chain([&kept.dir().join("nodes/.cci-own")]) {
            fs::write(path, "").unwrap();
        }
        kept.sweep().unwrap();
        assert!(left.iter().all(|path| !path.exists()));
        assert!(kept.dir().join("nodes/.cci-own").exists());
        assert_eq!(kept.journal().unwrap(), Some(journal()));
    }

    #[test]
    fn only_one_at_a_time_changes_them() {
        let home = tempfile::tempdir().unwrap();
        let kept = Checkpoints::of(home.path(), &Workspace::at("/w")).unwrap();
        let lock = kept.lock().unwrap();
        assert!(kept.try_lock().unwrap().is_none());
        drop(lock);
        assert!(kept.try_lock().unwrap().is_some());
    }
}
