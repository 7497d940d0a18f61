//! The events of the verbs on a container.

use std::time::Duration;

use cci_core::Error;

use super::Event;

/// What happens to an existing container.
#[derive(Debug)]
pub enum InstanceEvent {
    /// It was asked to shut down, did not do so in time, and is stopped.
    DidNotShutDown {
        /// The container.
        container: String,
        /// The time it had.
        within: Duration,
    },
    /// One of several containers could not be stopped; the others continue.
    NotEnded(Error),
    /// A directory is mounted with shifted ids, so that the container's root is host root there.
    ShiftedMount,
}

impl From<InstanceEvent> for Event {
    fn from(event: InstanceEvent) -> Self {
        Self::Instance(event)
    }
}
