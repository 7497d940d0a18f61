//! The words for a launch and its network.

use cci_core::access::Wanted;
use cci_core::hint;
use cci_core::network::Mode;
use cci_core::plan::PlanWarning;
use cci_engine::event::{LaunchEvent, NetworkEvent};
use cci_guest::GuestText;

use super::links;
use super::repository;
use super::telling::Telling;

pub(super) fn launch(event: &LaunchEvent) -> Telling {
    match event {
        LaunchEvent::Preparing => Telling::step("setup", "preparing the container"),
        LaunchEvent::Warning(warning) => Telling::warning(plan_warning(*warning)),
        LaunchEvent::SlotOccupied { wanted, got } => {
            Telling::note(format!("Slot {wanted} is occupied, using slot {got} instead"))
        }
        LaunchEvent::SlotAllocated(slot) => Telling::note(format!("Auto-allocated slot {slot}")),
        LaunchEvent::ReusingContainer => Telling::note("Reusing existing container"),
        LaunchEvent::OtherImage { container, image, asked } => Telling::warning(format!(
            "reusing container {container}, which was created from image '{image}', not '{asked}'"
        )),
        LaunchEvent::ConfigurationApplied { changed } => {
            Telling::note(format!("Configuration applied: {}", changed.join(", ")))
        }
        LaunchEvent::GitConfigUnread { file, problem } => Telling::warning(format!(
            "commits in the container may lack your name and e-mail: {}: {problem}",
            GuestText::new(file)
        )),
        LaunchEvent::RepositoryElsewhere(elsewhere) => repository::elsewhere(elsewhere),
        LaunchEvent::RepositoryShown { shown, is_proven } => repository::shown(shown, *is_proven),
        LaunchEvent::RepositoryUnseen { problem } => {
            Telling::warning(format!("git will not work in the container: {}", GuestText::new(problem)))
        }
        LaunchEvent::DirectorySkipped { path, why } => {
            let path = GuestText::new(path);
            Telling::warning(format!(
                "{path} is not in the session's worktree, or not all of it: {}",
                GuestText::new(why)
            ))
        }
        LaunchEvent::GitUnprotected { repositories } => Telling::warning(format!(
            "{repositories} further repositories are in the workspace, and their hooks and settings are not closed against the agent"
        )),
        LaunchEvent::GitOpen { missing } => Telling::warning(format!(
            "the repository's hooks and settings are not closed against the agent: this host has no {missing}"
        )),
        LaunchEvent::MountOutOfReach { path, wanted, access } => {
            let verb = match wanted {
                Wanted::Write => "write",
                Wanted::Read => "read",
            };
            Telling::Warning {
                text: format!("the agent cannot {verb} in mount {}", GuestText::new(path)),
                hint: Some(hint::ends_outside(path, access, *wanted)),
            }
        }
        LaunchEvent::MountedBelow { points, inside } => {
            let names: Vec<String> = points.iter().map(|point| GuestText::new(point).to_string()).collect();
            Telling::Warning {
                text: format!("the container does not show what is mounted at {}", names.join(", ")),
                hint: names.first().map(|first| format!("mount it too: `--mount {first}:{}`", GuestText::new(inside))),
            }
        }
        LaunchEvent::LinksShown { targets, readonly } => links::shown(targets, *readonly),
        LaunchEvent::LinksClosed(closed) => links::closed(closed),
        LaunchEvent::LinksNotSearched => Telling::note(
            "The workspace has more than is searched for links that lead out of it (`workspace.outside_links = \"off\"` \
             searches for none)",
        ),
        LaunchEvent::DotenvUnread { problem } => {
            Telling::warning(format!("the workspace's .env is not read: {}", GuestText::new(problem)))
        }
        LaunchEvent::DotenvLeftOut { names, lines } => dotenv_left_out(names, lines),
        LaunchEvent::NotForwarded(names) => Telling::note(format!(
            "Not forwarded: {} (what lets the agent in, and what a secret stands for, is used from the host; `-e NAME` or the whole name in `defaults.forward` puts it into the container)",
            GuestText::new(names.join(", "))
        )),
        LaunchEvent::NotNoted(error) => {
            let text = format!("files that this container's root leaves on the host will not be recognised: {error}");
            Telling::failure(text, error)
        }
    }
}

/// An agent can have written any number of names.
fn dotenv_left_out(names: &[String], lines: &[usize]) -> Telling {
    const NAMED: usize = 8;
    let list = |all: Vec<String>| {
        let more = if all.len() > NAMED { ", …" } else { "" };
        format!("{}{more}", all.into_iter().take(NAMED).collect::<Vec<_>>().join(", "))
    };
    let names = list(names.iter().map(|name| GuestText::new(name).to_string()).collect());
    let lines = list(lines.iter().map(ToString::to_string).collect());
    let parts = [
        (!names.is_empty()).then(|| format!("it may not set {names}")),
        (!lines.is_empty()).then(|| format!("no assignment in line {lines}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let hint =
        (!names.is_empty()).then(|| "what you set yourself with `-e` or in `defaults.environment` is set".to_owned());
    Telling::Warning { text: format!("the workspace's .env is not taken as it is: {}", parts.join("; ")), hint }
}

fn plan_warning(warning: PlanWarning) -> String {
    match warning {
        PlanWarning::OpenNetwork => {
            "network mode open: the container reaches everything this host's Incus network reaches".into()
        }
        PlanWarning::NoEffectInAllowlist { key } => format!(
            "network.{key} has no effect in mode allowlist: what is not listed stays out of reach, and so does what is private"
        ),
        PlanWarning::NoEffect { key, mode: Mode::None } => {
            format!("network.{key} has no effect in mode none, which has no network")
        }
        PlanWarning::NoEffect { key, mode } => {
            format!("network.{key} has no effect in mode {mode}, which reaches what this host's Incus network reaches")
        }
        PlanWarning::ShiftedWorkspace => "idmap shift: root in the container is host root on the workspace".into(),
        PlanWarning::RootsWorkspace => {
            "the workspace belongs to root: the agent works on its files as host root".into()
        }
        PlanWarning::InGvisor => {
            "boundary gvisor: Docker and sudo do not work inside, and programs start more slowly".into()
        }
    }
}

pub(super) fn network(event: &NetworkEvent) -> Telling {
    match event {
        NetworkEvent::MakingNetwork => Telling::step("setup", "creating the network"),
        NetworkEvent::Obstacle(obstacle) => {
            Telling::Warning { text: obstacle.problem.to_owned(), hint: Some(obstacle.fix.clone()) }
        }
        NetworkEvent::NoPublicAddress { domain } => {
            Telling::warning(format!("allowed domain '{domain}' does not resolve to a public IPv4 address"))
        }
    }
}
