//! `[login]`: how a session's agent is let in by its API, and how much it may ask for.

use serde::{Deserialize, Serialize};

use crate::account::AccountName;

/// What of the host's login is in a container, the least first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoginMode {
    /// Nothing: requests go through a socket, and get the login on the host.
    #[default]
    Socket,
    /// An access token, which ends soon and is replaced before it does.
    Token,
    /// All of it.
    Copy,
}

/// `[login]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginSettings {
    /// What of the host's login is in a container.
    pub mode: LoginMode,
    /// The account; none is the one that `cci login use` has chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// How many tokens a session may use in all; 0 is no limit.
    pub max_tokens: u32,
    /// How many requests it may make in a minute; 0 is no limit.
    pub max_requests_per_minute: u32,
}
