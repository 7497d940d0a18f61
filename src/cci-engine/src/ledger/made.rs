//! One thing that a command made: enough to find it again, and to know it from what is anybody else's.

use std::path::PathBuf;

use cci_guest::GuestText;
use cci_host::store::sessions::Store;
use cci_host::store::{put, staging};
use serde::{Deserialize, Serialize};

/// One thing that this call made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Made {
    /// An instance, recognised by the launch mark that only this call gave it.
    Instance {
        /// The instance's name.
        name: String,
        /// The launch mark.
        launch: String,
    },
    /// A stopped instance that this call took for itself with its launch mark, and started.
    Started {
        /// The instance's name.
        name: String,
        /// The launch mark.
        launch: String,
    },
    /// A directory of the session store.
    SessionDir(PathBuf),
    /// A snapshot whose name no other call gives.
    Snapshot {
        /// The instance it is of.
        container: String,
        /// Its name there.
        name: String,
    },
    /// A directory in which files are put together before they get their place.
    Staging(PathBuf),
    /// A file beside the place that it will get.
    Staged(PathBuf),
    /// A storage volume for the conversation in `dir`, recognised by the launch mark.
    StateVolume {
        /// The storage pool.
        pool: String,
        /// Its name there.
        name: String,
        /// The launch mark.
        launch: String,
        /// The session's directory on the host.
        dir: PathBuf,
    },
    /// Images that carry this launch mark as a property; one that has got this alias is what was wanted, and stays.
    Images {
        /// The launch mark.
        launch: String,
        /// The name that the finished image gets.
        alias: String,
    },
}

impl Made {
    /// Whether it is a thing that cci makes: a note that was damaged, or written by somebody else, names any path.
    pub(super) fn is_plausible(&self) -> bool {
        match self {
            Self::Staging(dir) => staging::is_name(dir),
            Self::Staged(file) => put::is_beside(file),
            Self::SessionDir(dir) | Self::StateVolume { dir, .. } => Store::is_session(dir),
            Self::Instance { .. } | Self::Started { .. } | Self::Snapshot { .. } | Self::Images { .. } => true,
        }
    }

    /// The instance that it is, or is in.
    pub(crate) fn instance(&self) -> Option<&str> {
        match self {
            Self::Instance { name, .. } | Self::Started { name, .. } => Some(name),
            Self::Snapshot { container, .. } => Some(container),
            Self::SessionDir(_)
            | Self::Staging(_)
            | Self::Staged(_)
            | Self::StateVolume { .. }
            | Self::Images { .. } => None,
        }
    }
}

impl std::fmt::Display for Made {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Instance { name, .. } | Self::Started { name, .. } => write!(out, "container {name}"),
            Self::Staging(dir) => write!(out, "directory {}", GuestText::new(dir)),
            Self::Staged(file) => write!(out, "file {}", GuestText::new(file)),
            Self::SessionDir(dir) => write!(out, "session directory {}", GuestText::new(dir)),
            Self::Snapshot { container, name } => write!(out, "snapshot {container}/{name}"),
            Self::StateVolume { pool, name, .. } => write!(out, "storage volume {name} of pool {pool}"),
            Self::Images { launch, .. } => write!(out, "images with mark {launch}"),
        }
    }
}
