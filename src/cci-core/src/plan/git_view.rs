//! What a container gets so that git works in it as on the host.

use cci_guest::closed::Closed;

use crate::mount::Mount;

/// What a launch shows of the repository of its workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GitView {
    /// What is mounted.
    pub mounts: Vec<Mount>,
    /// What of the workspace's own repository is closed as the container starts.
    pub closed: Vec<Closed>,
    /// Shell lines that make the container's own settings of git.
    pub lines: String,
}
