//! The identity of a conversation.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A conversation's id: a lowercase UUID that is also given to the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(Uuid);

impl SessionId {
    /// An id from 128 random bits (version and variant bits are set here).
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(out)
    }
}

/// Text that is not a session id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a session id (a UUID such as 3f2b8c1e-5d7a-4e0b-9c4f-1a2b3c4d5e6f)")]
pub struct SessionIdError(String);

impl FromStr for SessionId {
    type Err = SessionIdError;

    fn from_str(raw: &str) -> Result<Self, SessionIdError> {
        let hyphenated = raw.len() == 36;
        Uuid::try_parse(raw).ok().filter(|_| hyphenated).map(Self).ok_or_else(|| SessionIdError(raw.to_owned()))
    }
}

/// Which conversation a launch continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resume {
    /// A new one.
    No,
    /// The newest of this workspace.
    Latest,
    /// This one.
    Exactly(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_version_4_uuid_in_lower_case() {
        let id = SessionId::from_random([0xff; 16]).to_string();
        assert_eq!(id, "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(id.to_uppercase().parse::<SessionId>().unwrap().to_string(), id);
        assert!("../../etc".parse::<SessionId>().is_err());
        assert!("ffffffffffff4fffbfffffffffffffff".parse::<SessionId>().is_err());
    }
}
