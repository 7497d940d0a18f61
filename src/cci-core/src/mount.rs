//! Host directories in a container: how they are written, and what may not be mounted from where or to where.

mod path;
mod places;
mod protected;
mod typed;

use std::path::PathBuf;

use cci_guest::GuestText;

pub use self::path::container_path;
pub use self::places::{check_place, check_places, collide};
pub use self::protected::{PROTECTED, Protected, check_host};
pub use self::typed::Typed;
use crate::host_disk::HostPath;

/// Where the storage directory is mounted.
pub const STORAGE: &str = "/storage";

/// A directory or file of the host that a container sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The device's name in Incus.
    pub device: String,
    /// The place on the host.
    pub source: HostPath,
    /// The place in the container.
    pub container: String,
    /// Whether the container may only read it.
    pub readonly: bool,
}

/// Why something cannot be mounted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MountError {
    /// The text is not of the form.
    #[error("invalid mount '{0}' (the form is HOST:CONTAINER, or HOST:CONTAINER:ro)")]
    Form(String),
    /// The container path is not absolute, or goes up.
    #[error("invalid container path '{0}': it must be absolute and without `..`")]
    ContainerPath(String),
    /// The mount would hide something that the container needs.
    #[error("cannot mount at {path} in the container: it would hide {hidden}")]
    Hides {
        /// The container path.
        path: String,
        /// What would be hidden.
        hidden: String,
    },
    /// The host path is, holds, or lies in something that containers never see.
    #[error("cannot mount {} into a container: {reason}", GuestText::new(host))]
    Protected {
        /// The place on the host, resolved.
        host: PathBuf,
        /// What it is.
        reason: String,
    },
    /// Two mounts want the same place.
    #[error("mount conflict: container path {0} is used twice")]
    Equal(String),
    /// One mount lies in the other.
    #[error("mount conflict: container path {inner} is nested in {outer}")]
    Nested {
        /// The longer path.
        inner: String,
        /// The shorter one.
        outer: String,
    },
}
