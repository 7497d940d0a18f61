//! What a container gets so that git works in it as on the host.

use crate::mount::Mount;

/// What a launch shows of the repository of its workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GitView {
    /// What is mounted.
    pub mounts: Vec<Mount>,
    /// Shell lines that make the container's own settings of git.
    pub lines: String,
}
