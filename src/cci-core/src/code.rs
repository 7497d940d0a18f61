//! The stable name, the exit status and the meaning of each failure: one table, for the errors and for their page.

use crate::error::Error;

/// One kind of failure as scripts see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The value of `error.code` with `--format json`.
    pub name: &'static str,
    /// The exit status; 1 becomes 125 where a command's own status is passed on.
    pub exit: u8,
    /// What happened, for the page of codes.
    pub meaning: &'static str,
}

/// A variant without a row and a row without a variant do not compile.
macro_rules! codes {
    ($($variant:ident $name:literal $exit:literal $meaning:literal)*) => {
        /// Every kind of failure.
        pub const CODES: &[Code] = &[$(Code { name: $name, exit: $exit, meaning: $meaning }),*];

        impl Error {
            /// The stable name that scripts can match on.
            #[must_use]
            pub fn code(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $name,)*
                }
            }

            /// The exit status.
            #[must_use]
            pub fn exit(&self) -> u8 {
                match self {
                    $(Self::$variant { .. } => $exit,)*
                }
            }
        }
    };
}

codes! {
    Usage "usage" 2 "the command line asks for something that does not exist or does not fit together"
    NoTerminal "no-terminal" 2 "a verb that talks to a user was started without a terminal"
    NotConfirmed "not-confirmed" 1 "a question would have to be asked, and there is nobody to ask"
    Workspace "workspace-unusable" 1 "the workspace cannot be mounted"
    WorkspaceNotWritable "workspace-not-writable" 1 "the agent's user cannot write in the workspace although it is mounted"
    Config "config-invalid" 2 "a configuration file, an environment variable or a profile is invalid"
    Forbidden "forbidden" 2 "cci does not allow what was asked for"
    NotOwner "not-owner" 1 "the container or the image belongs to another user of the host"
    ContainerNotFound "container-not-found" 1 "no container of this name exists, or it belongs to another user"
    ContainerNotRunning "container-not-running" 1 "the container exists and does not run"
    ContainerRunning "container-running" 1 "the container runs, and the verb works on stopped ones only"
    ConnectionLost "connection-lost" 1 "the connection to Incus was lost while a session was attached"
    AgentEnded "agent-ended" 1 "the agent of the session has exited, or never started"
    NoPrompt "no-prompt" 1 "the agent is not ready for a prompt: it is suspended or asking a question, or another program has its terminal"
    NoTmuxSession "no-tmux-session" 1 "the container has no tmux session of the agent"
    ContainerExists "container-exists" 1 "a container of this name exists already"
    SlotsExhausted "slots-exhausted" 1 "every slot of the workspace has a running container"
    NoSession "no-session" 1 "there is no saved session of this workspace to resume"
    SessionNotFound "session-not-found" 1 "the session asked for by id does not exist"
    ConversationLost "conversation-lost" 1 "the agent's transcript of the session is gone"
    SessionElsewhere "session-elsewhere" 1 "the session belongs to another workspace"
    CheckpointNotFound "checkpoint-not-found" 1 "no checkpoint of this workspace is meant by what was given"
    CheckpointIncomplete "checkpoint-incomplete" 1 "a part of the checkpoint that is needed is gone, or was never held"
    NothingToCompare "nothing-to-compare" 1 "there is no checkpoint of the session's begin to compare the workspace with"
    FindingNotFound "finding-not-found" 1 "no finding of the review is meant by what was given"
    RewindUnfinished "rewind-unfinished" 1 "a rewind was interrupted, and has to be completed or taken back first"
    ForkNotFound "fork-not-found" 1 "no fork of this workspace has this name, container or path"
    ForkElsewhere "fork-elsewhere" 1 "the fork belongs to another workspace"
    NoRewind "no-rewind" 1 "there is no interrupted rewind to complete or take back"
    ImageNotFound "image-not-found" 1 "the image is not in Incus"
    ImageExists "image-exists" 1 "an image of this alias exists already"
    IncusUnreachable "incus-unreachable" 1 "nothing answers at the Incus socket"
    IncusForbidden "incus-forbidden" 1 "the socket exists, but this user may not use it"
    IncusRefused "incus-refused" 1 "Incus answered with an error"
    TimedOut "timed-out" 1 "a wait exceeded its deadline"
    Host "host-file" 1 "a file or directory of the host could not be used"
    StepFailed "step-failed" 1 "a program of the host or a script in a container failed"
    Partly "partly-failed" 1 "several things were asked for and some of them failed; each was reported before"
    HostUnfit "host-unfit" 1 "the host cannot do what was asked for"
    Interrupted "interrupted" 130 "interrupted by the user or a signal"
    Internal "internal" 1 "a bug in cci"
}

#[cfg(test)]
mod tests;
