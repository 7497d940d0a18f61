//! The words for a session and its container.

use cci_agent::Secrets;
use cci_engine::event::{InstanceEvent, SessionEvent};
use cci_guest::GuestText;

use super::telling::Telling;

pub(super) fn session(event: &SessionEvent) -> Telling {
    match event {
        SessionEvent::AutoDetected(id) => Telling::note(format!("Auto-detected session: {id}")),
        SessionEvent::Resuming(id) => Telling::note(format!("Resuming session: {id}")),
        SessionEvent::Started { session, container, network } => Telling::Notes(vec![
            "Starting session...".to_owned(),
            format!("Session ID: {session}"),
            format!("Container: {container}"),
            format!("Network: {network}"),
        ]),
        SessionEvent::Damaged(error) => Telling::warning(error.to_string()),
        SessionEvent::SecretsInSettings(secrets) => Telling::warning(given_away(secrets)),
        SessionEvent::AgentAsksAbout { files } => Telling::warning(format!(
            "the workspace has {}, by which the agent runs programs: it asks whether you trust them first (not where you trust \
             this directory in the agent on the host)",
            files.join(", ")
        )),
        SessionEvent::KeptInVolume => {
            Telling::note("Incus cannot reach this home: the conversation is kept in a storage volume, and copied here")
        }
        SessionEvent::NotCopiedHome(error) => {
            Telling::warning(format!("the conversation is in a storage volume and could not be copied here: {error}"))
        }
        SessionEvent::WaitingForShutdown => Telling::step("setup", "waiting for the container to stop"),
        SessionEvent::Saved => Telling::note("Session data saved: resume it with `cci shell --resume`"),
        SessionEvent::ContainerRunsOn { container } => {
            Telling::note(format!("Container is still running: return to it with `cci attach {container}`"))
        }
        SessionEvent::ContainerKept => Telling::note("Container kept (persistent)"),
        SessionEvent::ContainerRemoved => Telling::note("Container was stopped, removing it"),
    }
}

/// The secrets in the host's settings, by their keys.
fn given_away(Secrets { file, keys }: &Secrets) -> String {
    let keys: Vec<String> = keys.iter().map(|key| GuestText::new(key).to_string()).collect();
    format!(
        "the container gets secrets of ~/{file}: {} (`defaults.settings_secrets = \"drop\"` leaves them out)",
        keys.join(", ")
    )
}

pub(super) fn instance(event: &InstanceEvent) -> Telling {
    match event {
        InstanceEvent::DidNotShutDown { container, within } => {
            Telling::note(format!("Container {container} did not shut down in {} s, stopping it", within.as_secs()))
        }
        InstanceEvent::NotEnded(error) => Telling::warning(error.to_string()),
        InstanceEvent::ShiftedMount => {
            Telling::warning("idmap shift: root in the container is host root on the mounted directory")
        }
    }
}
