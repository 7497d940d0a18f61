//! The events of a session.

use cci_agent::Secrets;
use cci_core::Error;
use cci_core::network::Mode;
use cci_core::session::SessionId;

use super::Event;

/// What happens to a session and its conversation.
#[derive(Debug)]
pub enum SessionEvent {
    /// The newest conversation of the workspace is resumed, because none was named.
    AutoDetected(SessionId),
    /// This conversation is resumed.
    Resuming(SessionId),
    /// The agent runs, or is about to in the terminal.
    Started {
        /// The conversation.
        session: SessionId,
        /// The container.
        container: String,
        /// What it may reach.
        network: Mode,
    },
    /// A saved session cannot be read and is skipped.
    Damaged(Error),
    /// The container gets secrets from the host's settings of the agent.
    SecretsInSettings(Secrets),
    /// The workspace has files by which the agent runs programs: it asks before it does.
    AgentAsksAbout {
        /// The files.
        files: Vec<&'static str>,
    },
    /// The daemon cannot reach the home: the conversation is kept in a storage volume.
    KeptInVolume,
    /// The volume with the conversation could not be copied to its directory.
    NotCopiedHome(Error),
    /// A step begins: waiting for a container to shut down.
    WaitingForShutdown,
    /// The user left the session, and its conversation is on the host.
    Saved,
    /// The container keeps running without a terminal.
    ContainerRunsOn {
        /// The container.
        container: String,
    },
    /// The container was stopped and stays.
    ContainerKept,
    /// The container was stopped, and Incus removes it.
    ContainerRemoved,
}

impl From<SessionEvent> for Event {
    fn from(event: SessionEvent) -> Self {
        Self::Session(event)
    }
}
