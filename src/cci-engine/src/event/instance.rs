//! What the verbs on a container tell.

use std::path::PathBuf;
use std::time::Duration;

use cci_core::Error;

use super::Event;

/// What happens to a container that is there.
#[derive(Debug)]
pub enum InstanceEvent {
    /// It was asked to shut down, did not in time, and is stopped.
    DidNotShutDown {
        /// The container.
        container: String,
        /// The time it had.
        within: Duration,
    },
    /// One of several containers could not be ended; the others go on.
    NotEnded(Error),
    /// A directory is mounted with shifted ids, by which the container's root is the host's there.
    ShiftedMount,
    /// The directory of this call has containers under another name of it.
    AlsoNamed {
        /// That name.
        other: PathBuf,
        /// The containers.
        containers: Vec<String>,
    },
}

impl From<InstanceEvent> for Event {
    fn from(event: InstanceEvent) -> Self {
        Self::Instance(event)
    }
}
