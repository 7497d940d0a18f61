//! The events of a session.

use std::path::PathBuf;

use cci_agent::{Omission, Secrets};
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
    /// The agent asks something before it takes a prompt.
    AgentAsks {
        /// The container.
        container: String,
    },
    /// The daemon cannot reach the home: the conversation is kept in a storage volume.
    KeptInVolume,
    /// What of the host's configuration is not in the session as it is there; all of one kind.
    Omitted(Vec<Omission>),
    /// Nothing was said yet in the conversation that is resumed.
    NothingSaid(SessionId),
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
    /// What a container or a conversation had is not what is at these paths of the host now.
    Replaced {
        /// The container that still shows what was there; none where the next one shows what is.
        shown_by: Option<String>,
        /// The paths.
        paths: Vec<PathBuf>,
    },
    /// A step begins: the wait for a container that reboots.
    WaitingForReboot,
    /// The container rebooted, which ended the agent.
    Rebooted,
    /// The container did not start again.
    DidNotStartAgain {
        /// The container.
        container: String,
        /// The paths of the host at which something else is now.
        replaced: Vec<PathBuf>,
    },
    /// The container that had this conversation is gone.
    ContainerGone {
        /// The conversation.
        session: SessionId,
        /// Its workspace.
        workspace: PathBuf,
        /// The paths of the host at which something else is now than it had mounted.
        replaced: Vec<PathBuf>,
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
