//! What `clean`, `reclaim` and `setup` tell.

use std::path::PathBuf;

use cci_core::Error;
use cci_core::setup::step::Step;

use super::Event;

/// What happens while the host is cleared up or set up.
#[derive(Debug)]
pub enum UpkeepEvent {
    /// Something that nothing needs could not be removed; the rest goes on.
    NotRemoved(Error),
    /// Files of a container's root could not be handed over to the caller.
    NotHandedOver(Error),
    /// A step begins: the walk through the workspace.
    LookingForFiles,
    /// Files of containers that are not known as the caller's stay as they are.
    FilesStay {
        /// Where they are.
        workspace: PathBuf,
        /// Their owners on the host.
        owners: Vec<u32>,
    },
    /// Setup does this step now.
    Setup(Step),
}

impl From<UpkeepEvent> for Event {
    fn from(event: UpkeepEvent) -> Self {
        Self::Upkeep(event)
    }
}
