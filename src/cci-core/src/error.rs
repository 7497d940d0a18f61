//! The one error type of cci, divided by what the user can do about it.

use std::ffi::OsStr;
use std::path::PathBuf;

use cci_guest::GuestText;
use cci_incus_types::Refusal;

use crate::access::Access;
use crate::checkpoint::CheckpointId;
use crate::session::SessionId;

/// The result of a step of cci.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure as the user sees it: each variant has a stable code and an exit status (`code.rs`), and often a hint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command line asks for something that does not exist or does not fit together.
    #[error("{}", line(problem))]
    Usage {
        /// What is wrong with it.
        problem: String,
        /// The flag or form that was probably meant.
        hint: Option<String>,
    },
    /// A verb that talks to a user was started without a terminal.
    #[error("`cci {verb}` needs a terminal")]
    NoTerminal {
        /// The verb that was asked for.
        verb: &'static str,
    },
    /// A question would have to be asked, and there is nobody to ask.
    #[error("{}: not answered, because this is not a terminal", line(question))]
    NotConfirmed {
        /// The question as a user would have seen it.
        question: String,
        /// The flag that answers it.
        flag: &'static str,
    },
    /// The workspace cannot be mounted.
    #[error("cannot use workspace {}: {}", line(path), line(problem))]
    Workspace {
        /// The absolute path.
        path: PathBuf,
        /// Why not.
        problem: String,
    },
    /// The agent's user cannot write in the workspace although it is mounted.
    #[error("the agent cannot write in workspace {}", line(path))]
    WorkspaceNotWritable {
        /// The absolute path on the host.
        path: PathBuf,
        /// By which right the caller may write there.
        access: Access,
    },
    /// A configuration file, an environment variable or a profile is invalid.
    #[error("{}", words(problem))]
    Config {
        /// File, line and what is wrong there.
        problem: String,
        /// The nearest valid key or value.
        hint: Option<String>,
    },
    /// cci does not allow what was asked for.
    #[error("{}", words(problem))]
    Forbidden {
        /// What is refused, and why.
        problem: String,
        /// The way out.
        hint: Option<String>,
    },
    /// Something named belongs to another user of the host.
    #[error("{problem}")]
    NotOwner {
        /// What it is, and whose.
        problem: String,
        /// The way out.
        hint: Option<String>,
    },
    /// No container of this name exists (or it belongs to another user).
    #[error("container {} not found", line(name))]
    ContainerNotFound {
        /// The name asked for.
        name: String,
    },
    /// The container exists and does not run.
    #[error("container {} is not running", line(name))]
    ContainerNotRunning {
        /// The name asked for.
        name: String,
    },
    /// The container runs, and the verb works on stopped ones only.
    #[error("container {} is running", line(name))]
    ContainerRunning {
        /// The name asked for.
        name: String,
    },
    /// The connection to Incus was lost while a session was attached.
    #[error("lost the connection to Incus in session {}: {}", line(name), words(cause))]
    ConnectionLost {
        /// The container.
        name: String,
        /// What broke it.
        cause: String,
        /// Whether the session continues without the connection.
        goes_on: bool,
    },
    /// The agent of a session has exited, or never started.
    #[error("the agent in container {} has exited{}", line(name), said(last))]
    AgentEnded {
        /// The container.
        name: String,
        /// The last lines of its screen.
        last: String,
        /// The way out.
        hint: String,
    },
    /// The agent of a session is not ready for a prompt.
    #[error("the agent in container {} is not ready for a prompt: {}", line(name), words(problem))]
    NoPrompt {
        /// The container.
        name: String,
        /// Why not.
        problem: String,
    },
    /// The container has no tmux session of the agent.
    #[error("No tmux session in container {}", line(name))]
    NoTmuxSession {
        /// The container.
        name: String,
    },
    /// A container of this name exists already.
    #[error("container {} already exists", line(name))]
    ContainerExists {
        /// The name asked for.
        name: String,
    },
    /// Every slot of the workspace has a running container.
    #[error("all {} slots are in use", crate::slot::Slot::MAX)]
    SlotsExhausted,
    /// There is no saved session to resume.
    #[error("no previous session to resume for this workspace")]
    NoSession {
        /// Another name of the directory, under which there are some.
        other: Option<PathBuf>,
    },
    /// The session asked for by id does not exist.
    #[error("session {} not found", line(id))]
    SessionNotFound {
        /// The id asked for.
        id: String,
    },
    /// The session belongs to another workspace.
    #[error("session {} belongs to workspace {}", line(id), line(workspace))]
    SessionElsewhere {
        /// The id asked for.
        id: String,
        /// Where it belongs.
        workspace: PathBuf,
    },
    /// Something was said in the session, and the agent's transcript of it is gone.
    #[error("session {} has no conversation: the agent's transcript is gone", line(id))]
    ConversationLost {
        /// The session.
        id: String,
    },
    /// No checkpoint of this workspace is meant by what was given.
    #[error("checkpoint {} not found: {}", line(given), words(problem))]
    CheckpointNotFound {
        /// What was given.
        given: String,
        /// Why it means none.
        problem: String,
        /// The ids that may have been meant.
        near: Vec<CheckpointId>,
    },
    /// A part of a checkpoint that is needed is gone, or was never held.
    #[error("checkpoint {id} does not hold the {part}: {}", words(problem))]
    CheckpointIncomplete {
        /// The checkpoint.
        id: CheckpointId,
        /// Which part.
        part: &'static str,
        /// Why not.
        problem: String,
    },
    /// There is no checkpoint of a session's begin to compare the workspace with.
    #[error("{} has no checkpoint to compare the workspace with", whose(*session))]
    NothingToCompare {
        /// The session, if there is one.
        session: Option<SessionId>,
    },
    /// No finding of a review is meant by what was given.
    #[error("finding {} not found", line(given))]
    FindingNotFound {
        /// What was given.
        given: String,
        /// The ids that may have been meant.
        near: Vec<String>,
    },
    /// A rewind was interrupted, and has to be completed or taken back first.
    #[error("a rewind of this workspace to {to} was interrupted")]
    RewindUnfinished {
        /// Where it leads.
        to: CheckpointId,
    },
    /// No fork of this workspace has this name, container or path.
    #[error("fork {} of this workspace not found", line(given))]
    ForkNotFound {
        /// What was given.
        given: String,
        /// The names that may have been meant.
        near: Vec<String>,
    },
    /// A fork belongs to another workspace.
    #[error("fork {} is one of workspace {}", line(name), line(workspace))]
    ForkElsewhere {
        /// The fork's name.
        name: String,
        /// Where it comes from.
        workspace: PathBuf,
    },
    /// There is no interrupted rewind to complete or take back.
    #[error("no rewind of this workspace was interrupted")]
    NoRewind,
    /// The image is not in Incus.
    #[error("image '{}' not found", line(image))]
    ImageNotFound {
        /// Alias or fingerprint.
        image: String,
    },
    /// An image of this alias exists already.
    #[error("image '{}' already exists", line(image))]
    ImageExists {
        /// The alias.
        image: String,
    },
    /// Nothing answers at the Incus socket.
    #[error("cannot reach Incus at {}: {}", line(endpoint), words(cause))]
    IncusUnreachable {
        /// Socket path or address.
        endpoint: String,
        /// The operating system's reason.
        cause: String,
    },
    /// The socket exists, but this user may not use it.
    #[error("no permission to use the Incus socket {}", line(endpoint))]
    IncusForbidden {
        /// Socket path or address.
        endpoint: String,
    },
    /// Incus answered with an error.
    #[error("cannot {}: {}", line(step), words(message))]
    IncusRefused {
        /// The step that failed.
        step: String,
        /// Why it was refused: callers decide by this, never by the message.
        refusal: Refusal,
        /// What Incus said.
        message: String,
    },
    /// A wait exceeded its deadline.
    #[error("{}: no answer within {seconds} s{}", line(step), if *still_running { ", Incus is still working on it" } else { "" })]
    TimedOut {
        /// The step that timed out.
        step: String,
        /// The deadline in seconds.
        seconds: u64,
        /// Whether the server is still working on it.
        still_running: bool,
    },
    /// A file or directory of the host could not be used.
    #[error("cannot {step} {}: {source}", line(path))]
    Host {
        /// What was tried, as a verb: "read", "create".
        step: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A program of the host or a script in a container failed.
    #[error("{} failed: {}", line(step), words(problem))]
    StepFailed {
        /// The step by its name on the screen.
        step: String,
        /// The exit status and the last output.
        problem: String,
        /// Where to read more.
        hint: Option<String>,
    },
    /// Several things were asked for and some of them failed; each was reported already.
    #[error("{failed} of {asked} failed")]
    Partly {
        /// How many failed.
        failed: usize,
        /// How many were asked for.
        asked: usize,
    },
    /// The host cannot do what was asked for.
    #[error("{}", line(problem))]
    HostUnfit {
        /// What is missing.
        problem: String,
        /// The fix.
        hint: Option<String>,
    },
    /// Interrupted by the user or a signal.
    #[error("interrupted")]
    Interrupted,
    /// A bug in cci.
    #[error("internal error: {}", words(.0))]
    Internal(String),
}

/// A name, safe to show.
fn line(name: impl AsRef<OsStr>) -> GuestText {
    GuestText::new(name)
}

/// The last lines of a screen, after a colon.
fn said(last: &str) -> String {
    if last.is_empty() { String::new() } else { format!(":\n{}", words(last)) }
}

/// A message, which may have several lines.
fn whose(session: Option<SessionId>) -> String {
    session.map_or_else(|| "this workspace".to_owned(), |id| format!("session {id}"))
}

fn words(words: &str) -> GuestText {
    GuestText::lines(words)
}

impl Error {
    /// A usage error without a hint of its own.
    pub fn usage(problem: impl Into<String>) -> Self {
        Self::Usage { problem: problem.into(), hint: None }
    }
}
