//! `[ssh]`: what of the caller's SSH a session may use.

use serde::{Deserialize, Serialize};

/// `[ssh]`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SshSettings {
    /// Whether it may have the caller's SSH agent sign; no key is in a container.
    pub agent: bool,
}
