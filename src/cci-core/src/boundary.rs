//! What stands between the agent and the host's kernel.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What stands between the agent and the host's kernel, the strictest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Boundary {
    /// The container, and in it gVisor: a kernel of its own, which alone calls the host's.
    Gvisor,
    /// The container.
    #[default]
    Container,
}

impl Boundary {
    /// As it is written on the command line and in files.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Gvisor => "gvisor",
            Self::Container => "container",
        }
    }
}

impl fmt::Display for Boundary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

/// Text that is not a boundary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid boundary '{0}' (valid: container, gvisor)")]
pub struct BoundaryError(String);

impl FromStr for Boundary {
    type Err = BoundaryError;

    fn from_str(raw: &str) -> Result<Self, BoundaryError> {
        let known = [Self::Gvisor, Self::Container].into_iter().find(|boundary| boundary.word() == raw);
        known.ok_or_else(|| BoundaryError(raw.to_owned()))
    }
}
