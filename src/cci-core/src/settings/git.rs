//! `[git]`: what of git on the host a container gets, and what is kept from it.

use serde::{Deserialize, Serialize};

/// `[git]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitSettings {
    /// Whether what git runs on the host, such as hooks and settings, is closed against writing.
    pub protect: bool,
    /// Whether commits inside bear the caller's name and e-mail.
    pub identity: bool,
}

impl Default for GitSettings {
    fn default() -> Self {
        Self { protect: true, identity: true }
    }
}
