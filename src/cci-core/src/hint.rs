//! The hint for each error.

use std::io;
use std::path::Path;

use cci_guest::GuestText;
use cci_guest::shell::quoted;
use cci_incus_types::Refusal;

use crate::access::{Access, Wanted};
use crate::checkpoint::CheckpointId;
use crate::error::Error;

/// The command or change that helps, if there is one.
#[must_use]
pub fn hint(error: &Error) -> Option<String> {
    let text = match error {
        Error::Usage { hint, .. }
        | Error::Config { hint, .. }
        | Error::Forbidden { hint, .. }
        | Error::NotOwner { hint, .. }
        | Error::StepFailed { hint, .. }
        | Error::HostUnfit { hint, .. } => return hint.clone(),
        Error::NoTerminal { verb: "shell" } => {
            "use `cci shell --background` to start it detached, or `cci run -- COMMAND`".to_owned()
        }
        Error::NoTerminal { .. } => "start it in a terminal".to_owned(),
        Error::NotConfirmed { flag, .. } => format!("answer it with {flag}"),
        Error::Workspace { .. } => "choose a directory with `--workspace PATH`".to_owned(),
        Error::WorkspaceNotWritable { path, access } => not_writable(path, access),
        Error::ContainerNotFound { .. } => "see `cci list`".to_owned(),
        Error::ContainerNotRunning { name } => format!("start it with `cci container start {name}`"),
        Error::ContainerRunning { name } => format!("stop it with `cci container stop {name}`, or use --force"),
        Error::ConnectionLost { name, goes_on: true, .. } => {
            format!("the session is still running: return to it with `cci attach {name}` once Incus answers again")
        }
        Error::ConnectionLost { goes_on: false, .. } => {
            "the conversation is kept: resume it with `cci shell --resume` once Incus answers again".to_owned()
        }
        Error::AgentEnded { hint, .. } => return Some(hint.clone()),
        Error::NoPrompt { name, .. } => {
            format!("look at it with `cci attach {name}`, or use --force to type into it anyway")
        }
        Error::NoTmuxSession { name } => format!("open a shell in it with `cci attach --bash {name}`"),
        Error::ContainerExists { name } => {
            format!("delete it with `cci container delete {name}`, or choose another name")
        }
        Error::SlotsExhausted => "see `cci list`, then stop one with `cci kill <name>`".to_owned(),
        Error::NoSession { other: Some(other) } => {
            let other = GuestText::new(other);
            format!("this directory has sessions under another name, {other}: use `--workspace {other}`")
        }
        Error::NoSession { other: None } => "start a new one with `cci shell`".to_owned(),
        Error::SessionNotFound { .. } => "see `cci list --all`".to_owned(),
        Error::ConversationLost { .. } => "start a new one with `cci shell`, or see `cci list --all`".to_owned(),
        Error::SessionElsewhere { id, workspace } => {
            format!("use `cci shell --workspace {} --resume={id}`", GuestText::new(workspace))
        }
        Error::CheckpointNotFound { near, .. } if near.is_empty() => {
            "see `cci log`, or take one with `cci checkpoint`".to_owned()
        }
        Error::CheckpointNotFound { near, .. } => {
            let near: Vec<&str> = near.iter().map(CheckpointId::as_str).collect();
            format!("see `cci log`; the nearest are {}", near.join(", "))
        }
        Error::CheckpointIncomplete { .. } => {
            "choose what to bring back with `--only`, or another checkpoint of `cci log`".to_owned()
        }
        Error::NothingToCompare { .. } => {
            "checkpoints are taken at each turn of the agent, unless `checkpoints.auto` is \"off\"; `cci checkpoint` takes one by hand"
                .to_owned()
        }
        Error::FindingNotFound { near, .. } if near.is_empty() => "see `cci review`".to_owned(),
        Error::FindingNotFound { near, .. } => format!("see `cci review`; the nearest are {}", near.join(", ")),
        Error::RewindUnfinished { .. } => {
            "complete it with `cci rewind --continue`, or take it back with `cci rewind --abort`".to_owned()
        }
        Error::ForkNotFound { near, .. } if near.is_empty() => "make one with `cci fork`".to_owned(),
        Error::ForkNotFound { near, .. } => format!("see `cci compare`; the nearest are {}", near.join(", ")),
        Error::ForkElsewhere { workspace, .. } => format!("use `--workspace {}`", word(workspace)),
        Error::NoRewind => "see `cci log`".to_owned(),
        Error::ImageNotFound { image } if image == "cci" => "build it with `cci build`".to_owned(),
        Error::ImageNotFound { image } if toolchain(image).is_some() => {
            let name = toolchain(image).unwrap_or_default();
            format!(
                "build it: `cci profile show {name} --script > {name}.sh`, then `cci build custom {image} --script {name}.sh`"
            )
        }
        Error::ImageNotFound { .. } => {
            "see `cci image list --all`, or build the standard one with `cci build`".to_owned()
        }
        Error::ImageExists { .. } => "replace it with --force".to_owned(),
        Error::IncusUnreachable { .. } => "run `cci setup`, or `cci doctor` to see what is wrong".to_owned(),
        Error::IncusForbidden { .. } => {
            "run `cci setup` to join the group `incus-admin`, then log in again (or `newgrp incus-admin`)".to_owned()
        }
        Error::IncusRefused { refusal, .. } => refused(refusal).to_owned(),
        Error::Host { path, source, .. } if source.kind() == io::ErrorKind::PermissionDenied => denied(path),
        Error::Host { path, source, .. } if is_full(source) && path.is_absolute() => full(path),
        Error::Partly { .. }
        | Error::TimedOut { .. }
        | Error::Host { .. }
        | Error::Interrupted
        | Error::Internal(_) => return None,
    };
    Some(text)
}

/// What to do if the agent cannot write in the workspace.
fn not_writable(path: &Path, access: &Access) -> String {
    match access {
        Access::Own => "run `cci doctor` to check the user mapping".to_owned(),
        Access::None => {
            format!("you cannot write there yourself: check owner and mode with `ls -ld {}`", word(path))
        }
        Access::ReadOnly => format!("its file system is mounted read-only: see `findmnt --target {}`", word(path)),
        Access::FurtherGroup(_) | Access::GroupList => ends_outside(path, access, Wanted::Write),
    }
}

/// What to do if the caller's access has no effect in a container.
#[must_use]
pub fn ends_outside(path: &Path, access: &Access, wanted: Wanted) -> String {
    let path = word(path);
    let by = match access {
        Access::FurtherGroup(group) => format!("as a member of `{}`", GuestText::new(group)),
        _ => "through an ACL for a group".to_owned(),
    };
    let (verb, bits) = match wanted {
        Wanted::Write => ("write", "rwX"),
        Wanted::Read => ("read", "rX"),
    };
    format!(
        "you can {verb} there only {by}, and supplementary groups have no effect in a container: give your user its own \
         access with `setfacl -R -m u:$USER:{bits},d:u:$USER:{bits} {path}`"
    )
}

/// What to do about a file that the caller may not use.
fn denied(path: &Path) -> String {
    let own = [".cci", ".config/cci"].iter().any(|dir| path.ancestors().any(|above| above.ends_with(dir)));
    // XDG_CONFIG_HOME can have any name; these names in it are cci's
    let named = path.ends_with("cci/config.toml") || path.parent().is_some_and(|dir| dir.ends_with("cci/profiles"));
    if own || named {
        return "`cci doctor` checks whether it belongs to root or HOME is closed to you, and `cci doctor --fix` returns root's files to you".to_owned();
    }
    format!("check owner and mode with `ls -ld {}`", word(path))
}

/// Whether the disk, or the user's share of it, is used up.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// What to do about a disk without room.
fn full(path: &Path) -> String {
    let own = path.components().any(|part| part.as_os_str() == ".cci");
    let by = if own { " with `cci clean`, or elsewhere" } else { "" };
    let above = path.parent().unwrap_or(path);
    format!("make room{by}: `df -h {}` shows the disk", word(above))
}

/// A path as one word of a command that the user can paste: an agent can have given it any name.
fn word(path: &Path) -> String {
    let shown = GuestText::new(path).to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+@%,".contains(c);
    if !shown.starts_with('-') && shown.chars().all(is_plain) { shown } else { quoted(&shown) }
}

/// Where to look for the cause of what Incus refused; `cci doctor` only if it checks that.
fn refused(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::MountFailed => "run `cci doctor`: it checks whether Incus's shared mounts are private",
        Refusal::NoSpace => {
            "make room with `cci clean` and `cci image cleanup`; `incus storage info default` shows how much is left"
        }
        Refusal::SourceUnreachable(_) => {
            "Incus reads it as root: make sure that root may enter every directory above it"
        }
        _ => "Incus's log says more: `journalctl -u incus`, or /var/log/incus/incusd.log",
    }
}

/// The shipped profile whose image this is.
fn toolchain(image: &str) -> Option<&str> {
    image.strip_prefix("cci-").filter(|name| ["node", "python", "rust"].contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_that_is_closed_is_known_wherever_it_is() {
        let of = |path: &str| {
            let source = io::ErrorKind::PermissionDenied.into();
            hint(&Error::Host { step: "read", path: path.into(), source }).unwrap()
        };
        for own in ["/h/.cci/x", "/h/.config/cci/config.toml", "/h/conf/cci/config.toml", "/h/conf/cci/profiles/a.toml"]
        {
            assert!(of(own).contains("cci doctor"), "{own}: {}", of(own));
        }
        assert!(of("/h/proj/config.toml").contains("ls -ld /h/proj/config.toml"));
    }

    #[test]
    fn a_full_disk_is_one_to_look_at_and_ours_can_be_cleaned() {
        let of = |path: &str, kind: io::ErrorKind| {
            hint(&Error::Host { step: "write", path: path.into(), source: kind.into() }).unwrap()
        };
        let own = of("/h/.cci/checkpoints/9c09f805/store.git", io::ErrorKind::StorageFull);
        assert_eq!(
            own,
            "make room with `cci clean`, or elsewhere: `df -h /h/.cci/checkpoints/9c09f805` shows the disk"
        );
        assert_eq!(of("/h/proj/a", io::ErrorKind::QuotaExceeded), "make room: `df -h /h/proj` shows the disk");
    }

    #[test]
    fn the_image_of_a_shipped_profile_has_its_own_way() {
        let of = |image: &str| hint(&Error::ImageNotFound { image: image.into() }).unwrap();
        assert!(of("cci-rust").contains("cci build custom cci-rust --script rust.sh"), "{}", of("cci-rust"));
        assert!(of("cci-other").contains("cci image list"), "{}", of("cci-other"));
    }
}
