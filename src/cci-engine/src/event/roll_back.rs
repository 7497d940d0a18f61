//! What is told of things that a command made and does not keep.

use cci_core::Error;

use super::Event;
use crate::ledger::Made;

/// What becomes of them.
#[derive(Debug)]
pub enum RollBackEvent {
    /// Something could not be removed.
    NotRemoved {
        /// The thing.
        made: Made,
        /// Why.
        error: Error,
    },
    /// Something that a killed command made is gone now.
    RemovedAbandoned(Made),
}

impl From<RollBackEvent> for Event {
    fn from(event: RollBackEvent) -> Self {
        Self::RollBack(event)
    }
}
