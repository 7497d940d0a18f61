//! The events of rolling back what a command created and does not keep.

use cci_core::Error;

use super::Event;
use crate::ledger::Made;

/// What happened to it.
#[derive(Debug)]
pub enum RollBackEvent {
    /// Something could not be removed.
    NotRemoved {
        /// The thing.
        made: Made,
        /// Why.
        error: Error,
    },
    /// Something that a killed command created has been removed.
    RemovedAbandoned(Made),
}

impl From<RollBackEvent> for Event {
    fn from(event: RollBackEvent) -> Self {
        Self::RollBack(event)
    }
}
