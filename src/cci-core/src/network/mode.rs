//! The network mode of a launch.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The network mode of a launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// No network: no interface but that of the container itself.
    None,
    /// Only listed names and addresses.
    Allowlist,
    /// As `restricted`, with connections on ports 80 and 443 taken in by name, so that the names are known afterwards.
    Learn,
    /// The public internet, nothing private.
    Restricted,
    /// Everything the host's Incus network reaches.
    Open,
}

impl Mode {
    /// As it is written on the command line and in files.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Allowlist => "allowlist",
            Self::Learn => "learn",
            Self::Restricted => "restricted",
            Self::Open => "open",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

/// Text that is not a mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid network mode '{0}' (valid: restricted, allowlist, learn, open, none)")]
pub struct ModeError(String);

impl FromStr for Mode {
    type Err = ModeError;

    fn from_str(raw: &str) -> Result<Self, ModeError> {
        [Self::None, Self::Allowlist, Self::Learn, Self::Restricted, Self::Open]
            .into_iter()
            .find(|mode| mode.word() == raw)
            .ok_or_else(|| ModeError(raw.to_owned()))
    }
}
