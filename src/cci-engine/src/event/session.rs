//! The events of a session.

use std::path::PathBuf;

use cci_agent::{Omission, Secrets};
use cci_core::Error;
use cci_core::account::AccountName;
use cci_core::network::Mode;
use cci_core::secret::Remote;
use cci_core::session::SessionId;
use cci_host::store::history::{Left, NotShared};
use jiff::Timestamp;

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
    /// The agent asks a question before it is ready for a prompt.
    AgentAsks {
        /// The container.
        container: String,
    },
    /// The daemon cannot reach the home: the conversation is kept in a storage volume.
    KeptInVolume,
    /// What the session does not get as it is on the host; all of one kind.
    Omitted(Vec<Omission>),
    /// The conversations of the agent on the host are not shared.
    HistoryNotShared(NotShared),
    /// The agent on the host has so many conversations of the session's, or more of them than before.
    HistoryTaken(usize),
    /// These conversations are not copied between the host and the session.
    HistoryLeft(Vec<Left>),
    /// The session that is resumed has no conversation yet.
    NothingSaid(SessionId),
    /// The volume with the conversation could not be copied to its directory.
    NotCopiedHome(Error),
    /// No checkpoints are taken of the session by themselves.
    NotWatched(Unwatched),
    /// The login on the host is a link, or in no form that cci knows; nothing of it is in the container.
    LoginUnusable {
        /// The file.
        path: PathBuf,
        /// What is the matter with it.
        problem: String,
        /// The agent's name.
        agent: &'static str,
    },
    /// The login on the host has ended.
    LoginEnded {
        /// The agent's name.
        agent: &'static str,
    },
    /// The login on the host is not used: the person says by these variables how the agent is let in.
    LoginSetAside(Vec<String>),
    /// The login on the host ends soon.
    LoginEnds {
        /// When.
        at: Timestamp,
        /// The agent's name.
        agent: &'static str,
        /// Which account of cci's it is, if it is not the agent's own.
        account: Option<AccountName>,
    },
    /// The login on the host has logins of these servers beside it, which stay there too.
    OthersStay(Vec<String>),
    /// Nobody lets the agent in at its API for now, for this reason.
    NotLetIn(String),
    /// A token is bound from now on to these repositories, which the remotes of the workspace name.
    TokenBound(Vec<Remote>),
    /// The remotes of the workspace name these too, which have come since; a token is not for them.
    RemotesSince(Vec<Remote>),
    /// The settings give the session the caller's SSH agent, and there is none, for this reason.
    NoSshAgent(String),
    /// A step begins: waiting for a container to shut down.
    WaitingForShutdown,
    /// The user left the session, and its conversation is on the host.
    Saved,
    /// The container keeps running without a terminal.
    ContainerRunsOn {
        /// The container.
        container: String,
    },
    /// Paths of the host that a container or a conversation had mounted lead to something else now.
    Replaced {
        /// The container that still shows what was there before; `None` if none runs.
        shown_by: Option<String>,
        /// The paths.
        paths: Vec<PathBuf>,
    },
    /// A step begins: waiting for a container that reboots.
    WaitingForReboot,
    /// The container rebooted, which ended the agent.
    Rebooted,
    /// The container did not start again.
    DidNotStartAgain {
        /// The container.
        container: String,
        /// The paths of the host that lead to something else now.
        replaced: Vec<PathBuf>,
    },
    /// The container that had this conversation is gone.
    ContainerGone {
        /// The conversation.
        session: SessionId,
        /// Its workspace.
        workspace: PathBuf,
        /// The paths of the host that lead to something else than it had mounted.
        replaced: Vec<PathBuf>,
    },
    /// The container was stopped and stays.
    ContainerKept,
    /// The container was stopped, and Incus removes it.
    ContainerRemoved,
}

/// Why nobody takes checkpoints of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unwatched {
    /// The container has none of this user's directories: Incus cannot reach the home, or shifts ids.
    OutOfReach,
    /// The same, and its agent would be let in by them.
    LoginOutOfReach,
    /// The supervisor, or what it needs, cannot be had.
    Failed(String),
}

impl From<SessionEvent> for Event {
    fn from(event: SessionEvent) -> Self {
        Self::Session(event)
    }
}
