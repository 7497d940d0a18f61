//! The words for a session and its container.

use std::path::{Path, PathBuf};

use cci_agent::{Omission, Secrets};
use cci_core::account::AccountName;
use cci_core::secret::Remote;
use cci_core::session::SessionId;
use cci_engine::event::{InstanceEvent, SessionEvent, Unwatched};
use cci_guest::GuestText;

use super::history;
use super::omission;
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
        SessionEvent::Damaged(error) => Telling::failure(error.to_string(), error),
        SessionEvent::SecretsInSettings(secrets) => Telling::warning(given_away(secrets)),
        SessionEvent::AgentAsksAbout { files } => Telling::warning(format!(
            "the workspace has {}, by which the agent runs programs: it asks whether you trust them first (not where you trust \
             this directory in the agent on the host)",
            files.join(", ")
        )),
        SessionEvent::AgentAsks { container } => Telling::Warning {
            text: "the agent is asking a question before it is ready for a prompt".to_owned(),
            hint: Some(format!("answer it with `cci attach {container}`")),
        },
        SessionEvent::Omitted(omitted) if matches!(omitted.first(), Some(Omission::NotNamed(_))) => {
            Telling::note(omission::words(omitted))
        }
        SessionEvent::Omitted(omitted) => Telling::warning(omission::words(omitted)),
        SessionEvent::HistoryNotShared(why) => history::not_shared(*why),
        SessionEvent::HistoryTaken(number) => history::taken(*number),
        SessionEvent::HistoryLeft(left) => history::left(left),
        SessionEvent::NothingSaid(id) => {
            Telling::warning(format!("session {id} has no conversation yet: the agent begins a new one"))
        }
        SessionEvent::KeptInVolume => {
            Telling::note("Incus cannot reach this home: the conversation is kept in a storage volume, and copied here")
        }
        SessionEvent::NotCopiedHome(error) => {
            let text = format!("the conversation is in a storage volume and could not be copied here: {error}");
            Telling::failure(text, error)
        }
        SessionEvent::NotWatched(Unwatched::OutOfReach) => {
            Telling::note("No checkpoints are taken by themselves: the container has nothing of this home")
        }
        SessionEvent::NotWatched(Unwatched::LoginOutOfReach) => Telling::Warning {
            text:
                "the agent has no login: the container has nothing of this home, and the host's login is kept out of it"
                    .into(),
            hint: Some("log in there, or copy the host's into it with `login.mode = \"copy\"`".into()),
        },
        SessionEvent::LoginUnusable { path, problem, agent } => Telling::Warning {
            text: format!(
                "the agent has no login: {} cannot be served from the host: {}",
                GuestText::new(path),
                GuestText::new(problem)
            ),
            hint: Some(format!(
                "log in with {agent} on the host; `login.mode = \"copy\"` copies the file as it is into containers"
            )),
        },
        SessionEvent::LoginEnded { agent } => Telling::Warning {
            text: format!("the login of {agent} on this host has ended"),
            hint: Some(format!("log in again with {agent} on the host, and start the session anew")),
        },
        SessionEvent::LoginSetAside(names) => Telling::note(format!(
            "The host's login is not used as `login.mode` says: {} say how the agent is let in",
            GuestText::new(names.join(", "))
        )),
        SessionEvent::LoginEnds { at, agent, account } => {
            ends(&at.strftime("%Y-%m-%d").to_string(), agent, account.as_ref())
        }
        SessionEvent::OthersStay(names) => Telling::note(format!(
            "The logins of these servers stay on the host, and the session has none of them: {}",
            GuestText::new(names.join(", "))
        )),
        SessionEvent::TokenBound(remotes) => bound(remotes),
        SessionEvent::RemotesSince(remotes) => since(remotes),
        SessionEvent::NoSshAgent(why) => Telling::Warning {
            text: format!("`ssh.agent` is on, and there is no SSH agent to forward: {}", GuestText::new(why)),
            hint: Some(
                "start one with `eval \"$(ssh-agent)\"`, add keys with `ssh-add`, and start the session anew".into(),
            ),
        },
        SessionEvent::NotLetIn(why) => Telling::Warning {
            text: format!("the agent cannot reach its API: {}", GuestText::new(why)),
            hint: Some("`cci supervisor restart` tries again; `login.mode = \"copy\"` works without it".into()),
        },
        SessionEvent::NotWatched(Unwatched::Failed(why)) => Telling::Warning {
            text: format!("no checkpoints are taken by themselves: {}", GuestText::new(why)),
            hint: Some("`cci supervisor restart` tries again, `cci supervisor logs` says more".into()),
        },
        SessionEvent::WaitingForShutdown => Telling::step("setup", "waiting for the container to stop"),
        SessionEvent::Replaced { shown_by, paths } => replaced(shown_by.as_deref(), paths),
        SessionEvent::WaitingForReboot => Telling::step("setup", "waiting for the container to reboot"),
        SessionEvent::Rebooted => Telling::note("Container rebooted: resume the session with `cci shell --resume`"),
        SessionEvent::DidNotStartAgain { container, replaced } => did_not_start_again(container, replaced),
        SessionEvent::ContainerGone { session, workspace, replaced } => gone(*session, workspace, replaced),
        SessionEvent::Saved => Telling::note("Session data saved: resume it with `cci shell --resume`"),
        SessionEvent::ContainerRunsOn { container } => {
            Telling::note(format!("Container kept running: return to it with `cci attach {container}`"))
        }
        SessionEvent::ContainerKept => Telling::note("Container kept (persistent)"),
        SessionEvent::ContainerRemoved => Telling::note("Container was stopped, removing it"),
    }
}

fn ends(day: &str, agent: &str, account: Option<&AccountName>) -> Telling {
    let (text, hint) = match account {
        None => (
            format!("the login of {agent} on this host ends on {day}"),
            format!("log in again with {agent} on the host; `cci login status` shows it"),
        ),
        Some(name) => (
            format!("the account {name} for {agent} ends on {day}"),
            format!("log in again: `cci login add {name} --force`"),
        ),
    };
    Telling::Warning { text, hint: Some(hint) }
}

fn bound(remotes: &[Remote]) -> Telling {
    if remotes.is_empty() {
        return Telling::note(
            "The workspace has no remote: sessions here use a token of GitHub's for the repositories that `cci secret set \
             NAME --keep --repository OWNER/NAME` names",
        );
    }
    Telling::note(format!("Sessions in this workspace use a token of GitHub's for {} only", repositories(remotes)))
}

fn since(remotes: &[Remote]) -> Telling {
    let text = "the workspace has more remotes since a token was bound to its repositories, for which it is not used";
    Telling::Warning {
        text: format!("{text}: {}", repositories(remotes)),
        hint: Some("`cci secret set NAME --keep --repository OWNER/NAME` allows it".into()),
    }
}

fn repositories(remotes: &[Remote]) -> String {
    let named: Vec<String> = remotes.iter().map(|remote| GuestText::new(remote.to_string()).to_string()).collect();
    named.join(", ")
}

fn listed(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| GuestText::new(path).to_string()).collect();
    paths.join(", ")
}

fn replaced(shown_by: Option<&str>, paths: &[PathBuf]) -> Telling {
    let paths = listed(paths);
    match shown_by {
        Some(container) => Telling::Warning {
            text: format!("container {container} still shows what was at {paths} before it was replaced on the host"),
            hint: Some(format!(
                "stop it with `cci shutdown {container}`; `cci shell --resume` then uses what is there now"
            )),
        },
        None => Telling::warning(format!("this was replaced on the host since the session was last started: {paths}")),
    }
}

fn gone(session: SessionId, workspace: &Path, replaced: &[PathBuf]) -> Telling {
    let why = if replaced.is_empty() {
        String::new()
    } else {
        format!("; what it had mounted was replaced on the host, which no reboot survives: {}", listed(replaced))
    };
    Telling::Warning {
        text: format!("the container of session {session} is gone{why}"),
        hint: Some(format!("resume it with `cci shell --workspace {} --resume={session}`", GuestText::new(workspace))),
    }
}

fn did_not_start_again(container: &str, replaced: &[PathBuf]) -> Telling {
    let text = format!("container {container} did not start again");
    if replaced.is_empty() {
        let hint = Some(format!("`cci container start {container}` says why, if it was kept"));
        return Telling::Warning { text, hint };
    }
    Telling::Warning {
        text: format!("{text}: what it had mounted was replaced on the host: {}", listed(replaced)),
        hint: Some("`cci shell --resume` uses what is there now".into()),
    }
}

/// The secrets in the host's settings, by their keys.
fn given_away(Secrets { file, keys }: &Secrets) -> String {
    let keys: Vec<String> = keys.iter().map(|key| GuestText::new(key).to_string()).collect();
    format!(
        "the container gets secrets of {}: {} (`defaults.settings_secrets = \"drop\"` leaves them out)",
        GuestText::new(file),
        keys.join(", ")
    )
}

pub(super) fn instance(event: &InstanceEvent) -> Telling {
    match event {
        InstanceEvent::DidNotShutDown { container, within } => {
            Telling::note(format!("Container {container} did not shut down in {} s, stopping it", within.as_secs()))
        }
        InstanceEvent::NotEnded(error) => Telling::failure(error.to_string(), error),
        InstanceEvent::AlsoNamed { other, containers } => {
            let (other, names) = (GuestText::new(other), containers.join(", "));
            Telling::Warning {
                text: format!("this directory has containers under another name, {other}: {names}"),
                hint: Some(format!("use `--workspace {other}` to work with them")),
            }
        }
        InstanceEvent::ShiftedMount => {
            Telling::warning("idmap shift: root in the container is host root on the mounted directory")
        }
    }
}
