//! States of instances and operations: the API's numeric codes, which are stable, unlike its words.

use serde::{Deserialize, Serialize};

/// A status code of the API, as `status_code` in instances and operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "u32", into = "u32")]
#[expect(missing_docs, reason = "the names are the API's own")]
pub enum Status {
    OperationCreated,
    Started,
    Stopped,
    Running,
    Cancelling,
    Pending,
    Starting,
    Stopping,
    Aborting,
    Freezing,
    Frozen,
    Thawed,
    Error,
    Ready,
    Success,
    Failure,
    Cancelled,
    /// A code unknown to this client.
    Other(u32),
}

/// Each code with its name, so that both directions agree.
const CODES: [(u32, Status); 17] = [
    (100, Status::OperationCreated),
    (101, Status::Started),
    (102, Status::Stopped),
    (103, Status::Running),
    (104, Status::Cancelling),
    (105, Status::Pending),
    (106, Status::Starting),
    (107, Status::Stopping),
    (108, Status::Aborting),
    (109, Status::Freezing),
    (110, Status::Frozen),
    (111, Status::Thawed),
    (112, Status::Error),
    (113, Status::Ready),
    (200, Status::Success),
    (400, Status::Failure),
    (401, Status::Cancelled),
];

impl From<u32> for Status {
    fn from(code: u32) -> Self {
        CODES.iter().find(|known| known.0 == code).map_or(Self::Other(code), |known| known.1)
    }
}

impl From<Status> for u32 {
    fn from(status: Status) -> Self {
        match status {
            Status::Other(code) => code,
            named => CODES.iter().find(|known| known.1 == named).map_or(0, |known| known.0),
        }
    }
}

impl Status {
    /// Whether an operation with this status has ended, in whatever way.
    #[must_use]
    pub fn is_final(self) -> bool {
        u32::from(self) >= 200
    }
}

impl Default for Status {
    fn default() -> Self {
        Self::Other(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_codes_of_the_api_have_names() {
        assert_eq!(Status::from(103), Status::Running);
        assert_eq!(Status::from(102), Status::Stopped);
        assert_eq!(Status::from(401), Status::Cancelled);
    }

    proptest! {
        #[test]
        fn a_code_survives_both_ways(code: u32) {
            prop_assert_eq!(u32::from(Status::from(code)), code);
        }
    }
}
