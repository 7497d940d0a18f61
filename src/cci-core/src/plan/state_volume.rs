//! The storage volume that replaces a state directory which the daemon cannot reach.

use crate::session::SessionId;

/// A storage volume of Incus with a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateVolume {
    /// The storage pool.
    pub pool: String,
    /// Its name there.
    pub name: String,
}

impl StateVolume {
    /// The volume of a conversation.
    #[must_use]
    pub fn of(session: SessionId, pool: &str) -> Self {
        Self { pool: pool.to_owned(), name: format!("cci-session-{session}") }
    }
}
