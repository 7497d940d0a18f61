//! Conversations of the agent on the host in sessions, and those of sessions on the host (`workspace.share_history`): files
//! are copied, in each direction, wherever one side has more of the same conversation. What a session has written is
//! hostile: only what was said is taken from it, and nothing of the host's is ever replaced by something else.

mod bring;
mod files;
mod note;
mod take;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

use cci_agent::{Agent, HostPlace, Unshared};

pub use self::bring::bring;
pub use self::note::stop;
pub use self::take::{Taken, take};

use self::files::Files;
use self::note::Note;
use super::transcripts::Brought;

/// So many conversations are copied at most, the newest first.
const MOST_FILES: usize = 200;
/// So many bytes of them in all.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// The conversations of an agent about a workspace.
#[derive(Debug, Clone)]
pub struct Shared {
    agent: &'static dyn Agent,
    /// The workspace, as conversations name it.
    workspace: String,
    /// The directory of the agent's configuration on the host.
    directory: PathBuf,
    /// Their directory in it.
    below: String,
}

/// Why the conversations of an agent about a workspace cannot be shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotShared {
    /// The agent, by its title, has conversations that cci cannot share.
    Agent(&'static str),
    /// The path of the workspace is too long, or no text: nobody knows how the agent names its directory.
    Path,
}

impl Shared {
    /// Those of a workspace, by its path without links.
    pub fn of(agent: &'static dyn Agent, place: &HostPlace, workspace: &Path) -> Result<Self, NotShared> {
        let (Some(history), Some(_)) = (agent.history(), agent.transcripts()) else {
            return Err(NotShared::Agent(agent.title()));
        };
        let workspace = workspace.to_str().ok_or(NotShared::Path)?.to_owned();
        let below = agent.transcripts_of(&workspace).ok_or(NotShared::Path)?;
        Ok(Self { agent, workspace, directory: (history.directory)(place), below })
    }

    /// Whether the agent on the host has this conversation about the workspace.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        let Ok(Some(there)) = Files::on_host(&self.directory, &self.below) else { return false };
        let found = there.of(self.agent).into_iter().find(|found| found.id == id);
        found.is_some_and(|found| matches!(self.begun(&there, &found), Ok(Some(_))))
    }

    /// The content of a file on the host if that is a conversation about the workspace: directories of similar paths
    /// have one between them.
    fn begun(&self, there: &Files, found: &files::Found) -> Result<Option<Vec<u8>>, WhyLeft> {
        let content = there.read(&found.name)?;
        let began = self.agent.history().and_then(|history| (history.began_in)(&content));
        Ok((began.as_ref() == Some(&self.workspace)).then_some(content))
    }
}

/// A conversation that stays where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Its id.
    pub id: String,
    /// Why.
    pub why: WhyLeft,
}

/// Why a conversation is not copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyLeft {
    /// It is not what it has to be.
    Unshared(Unshared),
    /// It is too large, or there are too many.
    TooMuch,
    /// What has its name is no file.
    NoFile,
    /// The host and the session went on with it in different ways.
    Diverged,
    /// It was being written.
    Written,
    /// The system's reason.
    Io(String),
}

impl fmt::Display for WhyLeft {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unshared(why) => why.fmt(out),
            Self::TooMuch => write!(out, "there is too much of it"),
            Self::NoFile => write!(out, "what has its name is no file"),
            Self::Diverged => write!(out, "the host and the session went on with it in different ways"),
            Self::Written => write!(out, "it was being written"),
            Self::Io(why) => write!(out, "{why}"),
        }
    }
}

impl From<std::io::Error> for WhyLeft {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error.to_string())
    }
}

/// What was brought into the session of this directory and is there as it was.
pub(super) fn untouched(session: &Path) -> impl Iterator<Item = Brought> {
    let note = Note::read(session).unwrap_or_default();
    note.brought.into_iter().filter_map(|(id, one)| Some(Brought { id, written: one.copy?.modified() }))
}
