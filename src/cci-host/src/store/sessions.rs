//! `~/.cci/sessions-<tool>/<id>/`: a metadata file and the agent's state directory for each conversation.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use cci_agent::{Agent, agents};
use cci_core::idmap::Ids;
use cci_core::metadata::Metadata;
use cci_core::session::SessionId;
use cci_core::{Error, Result};

use super::guest_dir::GuestDir;
use super::put::{self, host};
use super::transcripts::{Said, Transcript};
use super::{exact_dir, history, remove, transcripts};

/// The file beside the state directory.
const METADATA: &str = "metadata.json";

/// The conversations of one agent.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    agent: &'static dyn Agent,
    /// Where an earlier release kept them: read, and nothing new is put there.
    earlier: Option<PathBuf>,
}

/// A conversation as it lies on the disk.
#[derive(Debug, Clone)]
pub struct Saved {
    /// Its metadata.
    pub metadata: Metadata,
    /// Its directory.
    pub dir: PathBuf,
    /// When the metadata was written: of two in one second the later one is the newer.
    written: SystemTime,
}

/// What a look through the store found.
#[derive(Debug, Default)]
pub struct Found {
    /// The readable ones, newest first.
    pub sessions: Vec<Saved>,
    /// Why each of the others cannot be read.
    pub damaged: Vec<Error>,
}

impl Store {
    /// The store of an agent in `cci_dir`.
    #[must_use]
    pub fn of_tool(cci_dir: &Path, tool: &str) -> Self {
        Self::at(cci_dir.join(format!("sessions-{tool}")), tool)
    }

    /// A store in a directory of the person's choice.
    #[must_use]
    pub fn at(root: PathBuf, tool: &str) -> Self {
        Self { root, agent: cci_agent::agent(tool), earlier: None }
    }

    /// The same store, in which the sessions of an earlier one are found too.
    #[must_use]
    pub fn with_earlier(self, earlier: Option<PathBuf>) -> Self {
        Self { earlier: earlier.filter(|earlier| *earlier != self.root), ..self }
    }

    /// The directory of a session: where it is, or for a new one where it will be.
    #[must_use]
    pub fn dir(&self, id: SessionId) -> PathBuf {
        let own = self.root.join(id.to_string());
        let earlier = self.earlier.as_ref().map(|earlier| earlier.join(id.to_string()));
        match earlier {
            Some(earlier) if earlier.is_dir() && !own.exists() => earlier,
            _ => own,
        }
    }

    /// The agent's state directory of a session, which is mounted into the container.
    #[must_use]
    pub fn state_dir(&self, id: SessionId) -> PathBuf {
        self.dir(id).join(self.agent.state_dir())
    }

    /// The newest transcript of a session, if the agent has said anything in it.
    #[must_use]
    pub fn newest_transcript(&self, id: SessionId) -> Option<Transcript> {
        let dir = self.dir(id);
        // its own counts whoever began it
        let brought = history::untouched(&dir).filter(|brought| brought.id != id.to_string());
        transcripts::newest(self.agent, &dir.join(self.agent.state_dir()), &brought.collect::<Vec<_>>())
    }

    /// What was said in a session after a time, RFC 3339, as far as the agent's transcript tells.
    #[must_use]
    pub fn said_since(&self, id: SessionId, since: &str) -> Option<Said> {
        let newest = self.newest_transcript(id)?;
        transcripts::said_since(self.agent, &self.state_dir(id), &newest.id, since)
    }

    /// Whether a session had a conversation whose transcript is gone.
    #[must_use]
    pub fn lost_conversation(&self, id: SessionId) -> bool {
        self.newest_transcript(id).is_none() && transcripts::has_trace(self.agent, &self.state_dir(id))
    }

    /// Makes the directories of a session, private, the inner one owned by who the agent is on the host.
    pub fn create(&self, id: SessionId, owner: Ids) -> Result<GuestDir> {
        let dir = self.dir(id);
        put::private_directory(&dir)?;
        let outer = GuestDir::open(&dir, owner).map_err(host("open", &dir))?;
        let state = self.agent.state_dir();
        outer.subdir(state).map_err(host("create", &dir.join(state)))
    }

    /// Writes a session's metadata in one step: whoever reads sees the old file or the new one.
    pub fn write(&self, metadata: &Metadata) -> Result<()> {
        let path = self.dir(metadata.session_id).join(METADATA);
        put::atomically(&path, metadata.to_json().as_bytes(), put::PRIVATE)
    }

    /// Where a session's metadata can be written before it is true.
    #[must_use]
    pub fn beside_metadata(&self, id: SessionId) -> PathBuf {
        put::beside(&self.dir(id).join(METADATA))
    }

    /// Writes a session's metadata there.
    pub fn stage(&self, metadata: &Metadata, beside: &Path) -> Result<put::Staged> {
        let path = self.dir(metadata.session_id).join(METADATA);
        put::staged(&path, beside, metadata.to_json().as_bytes(), put::PRIVATE)
    }

    /// One session, `None` if there is no such directory.
    pub fn read(&self, id: SessionId) -> Result<Option<Saved>> {
        let dir = self.dir(id);
        let path = dir.join(METADATA);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(host("read", &path)(error)),
        };
        let metadata = Metadata::parse(&bytes).map_err(|error| Error::Host {
            step: "read",
            path,
            source: io::Error::new(io::ErrorKind::InvalidData, error),
        })?;
        let written =
            fs::metadata(dir.join(METADATA)).and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        Ok(Some(Saved { metadata, dir, written }))
    }

    /// Every session, newest first; a damaged one is named and passed over.
    pub fn all(&self) -> Result<Found> {
        let mut ids = BTreeSet::new();
        for root in std::iter::once(&self.root).chain(&self.earlier) {
            ids.extend(ids_in(root)?);
        }
        let mut found = Found::default();
        for id in ids {
            match self.read(id) {
                Ok(Some(saved)) => found.sessions.push(saved),
                Ok(None) => {}
                Err(error) => found.damaged.push(error),
            }
        }
        let age = |saved: &Saved| Reverse((saved.metadata.saved_at.clone(), saved.written));
        found.sessions.sort_by_cached_key(age);
        Ok(found)
    }

    /// Whether an agent, whichever it is, has said anything in a session's directory.
    #[must_use]
    pub fn has_conversation(dir: &Path) -> bool {
        let brought: Vec<_> = history::untouched(dir).collect();
        agents().any(|agent| transcripts::is_any(agent, &dir.join(agent.state_dir()), &brought))
    }

    /// Whether a session in this directory can be found.
    #[must_use]
    pub fn is_published(dir: &Path) -> bool {
        dir.join(METADATA).exists()
    }

    /// Whether a path is one that a session's directory can have.
    #[must_use]
    pub fn is_session(dir: &Path) -> bool {
        let goes_up = dir.components().any(|part| part == Component::ParentDir);
        let id = dir.file_name().and_then(|name| name.to_str()?.parse::<SessionId>().ok());
        dir.is_absolute() && !goes_up && id.is_some()
    }

    /// Removes a session with everything in it; links in it are removed and not followed.
    ///
    /// The metadata goes last: a session that could not be removed is still one, and can be removed later.
    pub fn remove(dir: &Path) -> Result<()> {
        let metadata_last = || -> io::Result<()> {
            let (Some(store), Some(id)) = (dir.parent(), dir.file_name()) else {
                return Err(io::ErrorKind::InvalidInput.into());
            };
            let place = exact_dir::exact_dir(&store.canonicalize()?.join(id))?;
            for name in exact_dir::names(&place)?.into_iter().filter(|name| name != METADATA) {
                remove::entry(&place, name)?;
            }
            remove::entry(&place, METADATA)?;
            fs::remove_dir(dir)
        };
        match metadata_last() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(host("remove", dir)(error)),
            _ => Ok(()),
        }
    }
}

/// The names in a store that are sessions' ids.
fn ids_in(root: &Path) -> Result<Vec<SessionId>> {
    match fs::read_dir(root) {
        Ok(entries) => Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(host("read", root)(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const ID: &str = "3f2b8c1e-5d7a-4e0b-9c4f-1a2b3c4d5e6f";

    fn metadata(id: &str, saved_at: &str) -> Metadata {
        Metadata {
            session_id: id.parse().unwrap(),
            container_name: "cci-9c09f805-1".into(),
            persistent: false,
            workspace: "/home/u/proj".into(),
            saved_at: saved_at.into(),
            further: serde_json::Map::new(),
        }
    }

    fn owner() -> Ids {
        Ids { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() }
    }

    #[test]
    fn everything_in_the_store_is_private() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::of_tool(&home.path().join(".cci"), "dummy");
        let id = ID.parse().unwrap();
        store.create(id, owner()).unwrap();
        store.write(&metadata(ID, "2026-01-01T00:00:00Z")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for dir in [home.path().join(".cci"), store.root.clone(), store.dir(id), store.state_dir(id)] {
            assert_eq!(mode(&dir), 0o700, "{}", dir.display());
        }
        assert_eq!(mode(&store.dir(id).join(METADATA)), 0o600);
        assert_eq!(fs::read_dir(store.dir(id)).unwrap().count(), 2, "no temporary file is left");
    }

    #[test]
    fn a_damaged_session_is_named_and_the_others_are_listed_newest_first() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::at(home.path().join("s"), "dummy");
        let ids = ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002", ID];
        for (n, id) in ids.iter().enumerate() {
            store.create(id.parse().unwrap(), owner()).unwrap();
            store.write(&metadata(id, &format!("2026-01-0{}T00:00:00Z", n + 1))).unwrap();
        }
        fs::write(store.dir(ids[0].parse().unwrap()).join(METADATA), b"{\"session_id\": 1").unwrap();
        fs::create_dir(store.root.join("not-a-session")).unwrap();
        let found = store.all().unwrap();
        let order: Vec<_> = found.sessions.iter().map(|saved| saved.metadata.session_id.to_string()).collect();
        assert_eq!(order, [ID, ids[1]]);
        assert_eq!(found.damaged.len(), 1);
        assert!(found.damaged[0].to_string().contains(ids[0]), "{:?}", found.damaged);
    }

    #[test]
    fn sessions_of_an_earlier_place_are_found_and_stay_there() {
        let home = tempfile::tempdir().unwrap();
        let earlier = Store::at(home.path().join("sessions"), "dummy");
        let id = ID.parse().unwrap();
        earlier.create(id, owner()).unwrap();
        earlier.write(&metadata(ID, "2026-01-01T00:00:00Z")).unwrap();
        let store = Store::at(home.path().join("new"), "dummy").with_earlier(Some(earlier.root.clone()));
        assert_eq!(store.all().unwrap().sessions.len(), 1);
        assert_eq!(store.dir(id), earlier.dir(id));
        let fresh = "00000000-0000-4000-8000-000000000001".parse().unwrap();
        assert!(store.dir(fresh).starts_with(home.path().join("new")));
    }

    #[test]
    fn a_session_goes_whole_whatever_the_agent_put_in_it() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::at(home.path().join("s"), "dummy");
        let id = ID.parse().unwrap();
        store.create(id, owner()).unwrap();
        store.write(&metadata(ID, "2026-01-01T00:00:00Z")).unwrap();
        remove::plant_deep(&store.state_dir(id), 5000);
        Store::remove(&store.dir(id)).unwrap();
        assert!(!store.dir(id).exists());
        Store::remove(&store.dir(id)).unwrap();
    }

    #[test]
    fn no_store_is_an_empty_one() {
        let found = Store::at("/nonexistent/cci".into(), "dummy").all().unwrap();
        assert!(found.sessions.is_empty() && found.damaged.is_empty());
    }
}
