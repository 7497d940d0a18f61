//! What a session gets of the host's configuration: what is read for that, what is written, what is left out.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::host_files::HostFiles;
use crate::import::Import;
use crate::json::Keep;
use crate::omission::Omission;
use crate::turn::TurnHooks;

/// Where on the host a user has the configuration of an agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostPlace {
    /// The home directory.
    pub home: PathBuf,
    /// The directory that the agent's own variable names, if it is set.
    pub named: Option<PathBuf>,
}

/// What has to be read before an agent can be seeded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// The directory on the host that holds the configuration.
    pub directory: PathBuf,
    /// Files and directories of the host that are copied with what is in them.
    pub copied: Vec<Copied>,
    /// Files of the host that are read.
    pub host: Vec<Document>,
    /// Names in the state directory: JSON that an earlier run of the session may have left there.
    pub session: &'static [&'static str],
    /// Files of a workspace by which the agent runs programs before anybody has typed a word.
    pub workspace: &'static [&'static str],
    /// Names in [`Sources::directory`] that nobody misses in a session, besides those that are copied.
    pub stays: Vec<&'static str>,
}

/// Something that is copied from the host into a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The place on the host.
    pub host: PathBuf,
    /// Its path in the session's state directory.
    pub session: PathBuf,
    /// Whether it is the agent's login: a session renews its own, and keeps it where the host has none.
    pub login: bool,
}

impl Copied {
    /// Something that is copied as it is.
    #[must_use]
    pub fn plain(host: PathBuf, session: impl Into<PathBuf>) -> Self {
        Self { host, session: session.into(), login: false }
    }
}

/// A file of the host that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its name in [`Given::host`].
    pub name: &'static str,
    /// Where it is.
    pub path: PathBuf,
    /// How it is read.
    pub form: Form,
}

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// JSON, of which this is kept.
    Json(Keep),
    /// Text.
    Text,
}

/// What was read, by its names; what does not exist, or could not be read, is left out.
pub type Documents = BTreeMap<&'static str, Value>;

/// What was read, and what decides what becomes of it.
#[derive(Clone, Default)]
pub struct Given<'a> {
    /// Where the host's configuration is.
    pub place: HostPlace,
    /// What there is of [`Sources::host`]; nothing where the host's configuration is not given to sessions.
    pub host: Documents,
    /// What of [`Sources::host`] is there, perhaps, and could not be read.
    pub unread: Vec<&'static str>,
    /// The parts of the host's configuration that come along.
    pub import: Import,
    /// What there is of [`Sources::session`].
    pub session: Documents,
    /// What there is of [`Sources::workspace`], and its content where that is JSON.
    pub in_workspace: Vec<(&'static str, Option<Value>)>,
    /// The workspace's path on the host.
    pub workspace: &'a str,
    /// Whether it may be there in the container too, and the agent work there.
    pub at_host_path: bool,
    /// Places of the host that are in the container, and where.
    pub mounted: Vec<(PathBuf, String)>,
    /// The state directory in the container.
    pub state: String,
    /// The home in the container.
    pub guest_home: &'a str,
    /// Whether secrets in the host's settings are copied.
    pub secrets: bool,
    /// Whether something of cci's lets the agent in: then nothing of the host's settings does.
    pub is_closed: bool,
    /// The key that the agent finds in its environment.
    pub api_key: Option<&'a str>,
    /// What the agent noted when this session was seeded before.
    pub noted: Vec<String>,
    /// What it runs of cci's at its turns.
    pub turns: Option<TurnHooks>,
    /// The host's files; nothing where the host's configuration is not given to sessions.
    pub files: Option<&'a dyn HostFiles>,
}

impl Given<'_> {
    /// Whether something is there on the host.
    pub(crate) fn exists(&self, path: &Path) -> bool {
        self.files.is_some_and(|files| files.exists(path))
    }
}

impl fmt::Debug for Given<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Given")
            .field("place", &self.place)
            .field("workspace", &self.workspace)
            .finish_non_exhaustive()
    }
}

/// What is written into a session's state directory, and what the user should know about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seeded {
    /// Names in the state directory, and what is written there.
    pub files: Vec<(&'static str, Vec<u8>)>,
    /// Further files to copy, because what was read names them.
    pub copied: Vec<Copied>,
    /// The secrets that are copied, by file.
    pub secrets: Vec<Secrets>,
    /// What in the workspace the agent asks about before it runs anything of it.
    pub asks_about: Vec<&'static str>,
    /// What is not copied as it is.
    pub omitted: Vec<Omission>,
    /// What to pass to the agent as [`Given::noted`] when the session is seeded again.
    pub noted: Vec<String>,
}

/// Secrets of a file of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secrets {
    /// The file.
    pub file: PathBuf,
    /// Their keys in it.
    pub keys: Vec<String>,
}
