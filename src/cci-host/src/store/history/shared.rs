//! Which conversations are shared.

use std::path::{Path, PathBuf};

use cci_agent::{Agent, HostPlace};

use super::files::{Files, Found};
use super::left::WhyLeft;

/// The conversations of an agent about a workspace.
#[derive(Debug, Clone)]
pub struct Shared {
    pub(super) agent: &'static dyn Agent,
    /// The workspace, as conversations name it.
    pub(super) workspace: String,
    /// The directory of the agent's configuration on the host.
    pub(super) directory: PathBuf,
    /// Their directory in it.
    pub(super) below: String,
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
    pub(super) fn begun(&self, there: &Files, found: &Found) -> Result<Option<Vec<u8>>, WhyLeft> {
        let content = there.read(&found.name)?;
        let began = self.agent.history().and_then(|history| (history.began_in)(&content));
        Ok((began.as_ref() == Some(&self.workspace)).then_some(content))
    }
}
