//! By what a file is known to be as it was.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A state of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    pub(super) size: u64,
    /// When it was last modified: seconds and nanoseconds since the epoch.
    pub(super) seconds: u64,
    pub(super) nanos: u32,
}

impl Stamp {
    pub(super) fn modified(self) -> Duration {
        Duration::new(self.seconds, self.nanos.min(999_999_999))
    }
}
