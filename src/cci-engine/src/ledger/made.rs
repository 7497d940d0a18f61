//! One thing that a command created: enough to find it again, and to tell it from everybody else's.

use std::path::PathBuf;

use cci_guest::GuestText;
use cci_host::store::checkpoints::Worktree;
use cci_host::store::sessions::Store;
use cci_host::store::{forks, put, session_worktrees, staging};
use serde::{Deserialize, Serialize};

/// One thing that this call created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Made {
    /// An instance, recognised by the launch label that only this call gave it.
    Instance {
        /// The instance's name.
        name: String,
        /// The launch label.
        launch: String,
    },
    /// A stopped instance that this call claimed with its launch label, and started.
    Started {
        /// The instance's name.
        name: String,
        /// The launch label.
        launch: String,
    },
    /// A directory of the session store.
    SessionDir(PathBuf),
    /// A snapshot whose name no other call uses.
    Snapshot {
        /// The instance it is of.
        container: String,
        /// Its name there.
        name: String,
    },
    /// The root file system of a checkpoint, recognised by the launch label; with the checkpoint's record it is
    /// complete, and stays.
    Root {
        /// The Incus project that it is in.
        project: String,
        /// The instance's name.
        name: String,
        /// The launch label.
        launch: String,
        /// Where the record of the checkpoint is written.
        record: PathBuf,
    },
    /// A directory in which files are assembled before they are moved into place.
    Staging(PathBuf),
    /// A file next to the place that it will get.
    Staged(PathBuf),
    /// A storage volume for the conversation in `dir`, recognised by the launch label.
    StateVolume {
        /// The storage pool.
        pool: String,
        /// Its name there.
        name: String,
        /// The launch label.
        launch: String,
        /// The session's directory on the host.
        dir: PathBuf,
    },
    /// A fork: its workspace, its part in the repository of the origin, and a copy of the conversation.
    Fork {
        /// The workspace.
        workspace: PathBuf,
        /// Its part in the repository.
        linked: Option<Worktree>,
        /// The directory of its session.
        session: PathBuf,
    },
    /// The worktrees of a session, with their branches that have no commit of their own.
    Worktrees {
        /// Their name.
        name: String,
    },
    /// Images with this launch label as a property; one that already has this alias is complete, and stays.
    Images {
        /// The launch label.
        launch: String,
        /// The name of the finished image.
        alias: String,
    },
}

impl Made {
    /// Whether it is a thing that cci creates: a note that was damaged, or written by somebody else, could name any
    /// path.
    pub(super) fn is_plausible(&self) -> bool {
        match self {
            Self::Staging(dir) => staging::is_name(dir),
            Self::Staged(file) => put::is_beside(file),
            Self::SessionDir(dir) | Self::StateVolume { dir, .. } => Store::is_session(dir),
            Self::Fork { workspace, session, .. } => forks::is_place(workspace) && Store::is_session(session),
            Self::Worktrees { name } => session_worktrees::is_name(name),
            Self::Instance { .. }
            | Self::Started { .. }
            | Self::Snapshot { .. }
            | Self::Root { .. }
            | Self::Images { .. } => true,
        }
    }

    /// Whether one request makes it appear in Incus.
    pub(crate) fn is_in_incus(&self) -> bool {
        matches!(self, Self::Instance { .. } | Self::Root { .. } | Self::Snapshot { .. } | Self::StateVolume { .. })
    }

    /// The instance of the project that it is, or is in.
    pub(crate) fn instance(&self) -> Option<&str> {
        match self {
            Self::Instance { name, .. } | Self::Started { name, .. } => Some(name),
            Self::Snapshot { container, .. } => Some(container),
            Self::SessionDir(_)
            | Self::Staging(_)
            | Self::Staged(_)
            | Self::Root { .. }
            | Self::StateVolume { .. }
            | Self::Fork { .. }
            | Self::Worktrees { .. }
            | Self::Images { .. } => None,
        }
    }
}

impl std::fmt::Display for Made {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Instance { name, .. } | Self::Started { name, .. } | Self::Root { name, .. } => {
                write!(out, "container {name}")
            }
            Self::Staging(dir) => write!(out, "directory {}", GuestText::new(dir)),
            Self::Staged(file) => write!(out, "file {}", GuestText::new(file)),
            Self::SessionDir(dir) => write!(out, "session directory {}", GuestText::new(dir)),
            Self::Snapshot { container, name } => write!(out, "snapshot {container}/{name}"),
            Self::StateVolume { pool, name, .. } => write!(out, "storage volume {name} of pool {pool}"),
            Self::Fork { workspace, .. } => write!(out, "fork {}", GuestText::new(workspace)),
            Self::Worktrees { name } => write!(out, "worktrees {name}"),
            Self::Images { launch, .. } => write!(out, "images of launch {launch}"),
        }
    }
}
