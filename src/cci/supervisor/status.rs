//! What a supervisor says of itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The supervisor of a user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "cci supervisor status")]
pub(crate) struct Status {
    /// Whether there is one.
    pub(crate) running: bool,
    /// Its process.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(with = "u32")]
    pub(crate) pid: Option<u32>,
    /// Its version, as `cci version` prints it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(with = "String")]
    pub(crate) version: Option<String>,
    /// When its program file was written, in nanoseconds since 1970: two builds can have one version.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(with = "i64")]
    pub(crate) built: Option<i64>,
    /// When it started, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(with = "String")]
    pub(crate) since: Option<String>,
    /// The sessions that it watches.
    pub(crate) sessions: Vec<WatchedSession>,
}

/// A session that the supervisor watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WatchedSession {
    /// The conversation.
    pub(crate) session: String,
    /// Its container.
    pub(crate) container: String,
    /// Its workspace.
    pub(crate) workspace: String,
    /// How many checkpoints were taken since the supervisor started.
    pub(crate) taken: u64,
    /// Whether one is being taken.
    pub(crate) busy: bool,
    /// Why its connections are refused that are judged by name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(with = "String")]
    pub(crate) closed: Option<String>,
}
