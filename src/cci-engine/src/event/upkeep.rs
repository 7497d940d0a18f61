//! The events of `clean`, `reclaim` and `setup`.

use std::path::PathBuf;

use cci_core::Error;
use cci_core::setup::step::Step;

use super::Event;

/// What happens while the host is cleaned or set up.
#[derive(Debug)]
pub enum UpkeepEvent {
    /// An unused thing could not be removed; the others are.
    NotRemoved(Error),
    /// The caller could not be made the owner of files of a container's root.
    NotHandedOver(Error),
    /// A step begins: walking through the workspace.
    LookingForFiles,
    /// Files of containers that are not known to be the caller's stay unchanged.
    FilesStay {
        /// Where they are.
        workspace: PathBuf,
        /// Their owners on the host.
        owners: Vec<u32>,
    },
    /// Setup is doing this step.
    Setup(Step),
}

impl From<UpkeepEvent> for Event {
    fn from(event: UpkeepEvent) -> Self {
        Self::Upkeep(event)
    }
}
