//! `[workspace]`: what of the host belongs to a workspace besides its own files, and where it is in the container.

use serde::{Deserialize, Serialize};

/// What becomes of the places that links of the workspace lead out to, the least first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutsideLinks {
    /// The container sees none of them.
    Off,
    /// It can read them.
    #[default]
    Readonly,
    /// It can read and write them.
    Write,
}

/// `[workspace]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceSettings {
    /// What becomes of the places that its links lead out to.
    pub outside_links: OutsideLinks,
    /// Whether it is also where it is on the host, and the agent works there.
    pub same_path: bool,
    /// Whether what its `.env` sets reaches the agent.
    pub dotenv: bool,
    /// Whether conversations about it are the sessions' and those of the agent on the host.
    pub share_history: bool,
}
