//! What a session gets of the host's configuration: what is read for that, and what is written.

use std::collections::BTreeMap;

/// What has to be read before an agent can be seeded. Places of the host are below the user's home, those of a session
/// are names in its state directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sources {
    /// Files of the host that are copied as they are.
    pub files: &'static [Copied],
    /// Directories of the host that are copied with their contents.
    pub trees: &'static [Copied],
    /// Files of the host that are read.
    pub host: &'static [&'static str],
    /// Files that an earlier run of the session may have left. The agent may have written anything there.
    pub session: &'static [&'static str],
    /// Files of a workspace by which the agent runs programs before anybody has typed a word.
    pub workspace: &'static [&'static str],
}

impl Sources {
    /// Nothing.
    pub const NONE: Self = Self { files: &[], trees: &[], host: &[], session: &[], workspace: &[] };
}

/// Something that is copied from the host into a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// The place on the host.
    pub host: &'static str,
    /// The name in the session's state directory.
    pub session: &'static str,
}

/// The content of files by their places; one that does not exist is left out.
pub type Files = BTreeMap<&'static str, Vec<u8>>;

/// What was read, and what decides what to do with it.
#[derive(Debug, Clone, Default)]
pub struct Given<'a> {
    /// The existing files of [`Sources::host`]; empty if the host's configuration is not given to sessions.
    pub host: Files,
    /// The existing files of [`Sources::session`].
    pub session: Files,
    /// The existing files of [`Sources::workspace`].
    pub in_workspace: Vec<&'static str>,
    /// The workspace's path on the host.
    pub workspace: &'a str,
    /// Whether secrets in the host's settings are copied.
    pub secrets: bool,
    /// The key that the agent finds in its environment.
    pub api_key: Option<&'a str>,
}

/// What is written into a session's state directory, and what the user should know about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seeded {
    /// Names in the state directory, and what is written there.
    pub files: Vec<(&'static str, Vec<u8>)>,
    /// The secrets that are copied.
    pub secrets: Option<Secrets>,
    /// What in the workspace the agent asks about before it runs anything of it.
    pub asks_about: Vec<&'static str>,
}

/// Secrets of a file of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secrets {
    /// The file, below the home.
    pub file: &'static str,
    /// Their keys in it.
    pub keys: Vec<String>,
}

/// A file of the host that cannot be parsed.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {source}")]
pub struct Broken {
    /// The file, below the home.
    pub file: &'static str,
    /// What is wrong with it.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}
