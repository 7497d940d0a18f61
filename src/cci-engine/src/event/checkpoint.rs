//! The events of checkpoints.

use std::path::PathBuf;

use cci_core::Error;
use cci_core::checkpoint::CheckpointId;

use super::Event;
use crate::checkpoint::Apart;

/// What happens while checkpoints are taken, brought back and removed.
#[derive(Debug)]
pub enum CheckpointEvent {
    /// A record cannot be read.
    Damaged(Error),
    /// A checkpoint was taken around a command.
    Taken {
        /// Its id.
        id: CheckpointId,
        /// Whether it is the one before the command.
        before: bool,
    },
    /// The checkpoint after a command could not be taken.
    NotTaken(Error),
    /// A copy of this container would take as much room as the container, so only `cci checkpoint` takes one.
    ContainerNotHeld {
        /// The container.
        container: String,
    },
    /// The first checkpoint that holds a container is about to be taken, and takes as much room as this container.
    CopiesInFull {
        /// The container.
        container: String,
    },
    /// Files that only a container's root could read belong to the caller now.
    TakenOver {
        /// How many.
        files: usize,
    },
    /// Files that only a container's root can read could not be taken over.
    NotTakenOver(Error),
    /// What a removed checkpoint held could not be removed.
    NotRemoved(Error),
    /// The copy of a container still names devices of the container.
    NotSealed(Error),
    /// A step begins: the container is ended, because its root file system is brought back.
    EndingContainer {
        /// The container.
        container: String,
    },
    /// The agent of this container did not say what variables it was given on the command line.
    NotTold {
        /// The container.
        container: String,
        /// Why not.
        error: Error,
    },
    /// A step begins: the agent is ended, because its conversation is brought back.
    EndingAgent {
        /// The container.
        container: String,
    },
    /// A fork gets a fresh container: the checkpoint holds none, or its copy is gone.
    FreshContainer {
        /// The checkpoint.
        id: CheckpointId,
        /// Whether it held one once.
        was_held: bool,
    },
    /// Forks get a repository of their own, or none, instead of a branch in that of the origin.
    ForkedApart(Apart),
    /// A fork stands, and its agent did not take the prompt.
    NotPrompted {
        /// The fork.
        fork: String,
        /// Why not.
        error: Error,
    },
    /// A command could not be run in the container of a fork.
    NotRun {
        /// The container.
        container: String,
        /// Why not.
        error: Error,
    },
    /// An attached session was rewound, and is attached to again.
    Rewound,
    /// An attached session is being rewound.
    Rewinding,
    /// Files came back, but do not run as another user any more: whose they were then, nobody can prove.
    WithoutSetId {
        /// The first, from the top of the workspace.
        first: PathBuf,
        /// How many.
        files: usize,
    },
    /// A rewind that has begun failed or was cancelled, and waits for its end.
    RewindUnfinished,
    /// A rewind of an attached session was interrupted.
    RewindInterrupted,
}

impl From<CheckpointEvent> for Event {
    fn from(event: CheckpointEvent) -> Self {
        Self::Checkpoint(event)
    }
}
