//! What was found to be loosened.

use serde::Serialize;
use serde_json::Value;

/// One key that would be loosened, and why that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loosening {
    /// The key, such as `network.mode`.
    pub key: String,
    /// The value it would get; null if it would remove a value of the user's.
    pub value: Value,
    /// What it would do.
    pub reason: &'static str,
}

/// The keys that are loosened, one after the other.
pub(super) struct Found(pub(super) Vec<Loosening>);

impl Found {
    /// Notes a key, if it is loosened.
    pub(super) fn when(
        &mut self,
        loosened: bool,
        key: impl Into<String>,
        value: &impl Serialize,
        reason: &'static str,
    ) {
        if loosened {
            // what was read from a file can be written again
            let value = serde_json::to_value(value).unwrap_or_default();
            self.0.push(Loosening { key: key.into(), value, reason });
        }
    }
}
