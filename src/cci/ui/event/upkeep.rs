//! The words for cleanup, setup and rollback.

use cci_engine::event::{RollBackEvent, UpkeepEvent};
use cci_engine::ledger::Made;
use cci_guest::GuestText;

use super::telling::Telling;

pub(super) fn upkeep(event: &UpkeepEvent) -> Telling {
    match event {
        UpkeepEvent::NotRemoved(error) => Telling::warning(error.to_string()),
        UpkeepEvent::NotHandedOver(error) => {
            Telling::warning(format!("cannot take over files that a container's root left: {error}"))
        }
        UpkeepEvent::LookingForFiles => Telling::step("reclaim", "looking for files of containers' root"),
        UpkeepEvent::FilesStay { workspace, owners } => {
            let owners: Vec<String> = owners.iter().map(u32::to_string).collect();
            Telling::warning(format!(
                "files in {} still belong to host id {}: none of your containers is known to have created them",
                GuestText::new(workspace),
                owners.join(", ")
            ))
        }
        UpkeepEvent::Setup(step) => Telling::note(format!("[setup] {}", step.shown())),
    }
}

pub(super) fn roll_back(event: &RollBackEvent) -> Telling {
    match event {
        RollBackEvent::NotRemoved { made, error } => Telling::warning(format!("could not remove {made}: {error}")),
        RollBackEvent::RemovedAbandoned(made) => {
            let done = if matches!(made, Made::Started { .. }) { "Stopped" } else { "Removed" };
            Telling::note(format!("{done} {made}, left by a command that was killed"))
        }
    }
}
