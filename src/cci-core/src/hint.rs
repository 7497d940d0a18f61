//! The hint for each error.

use cci_guest::GuestText;

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
        Error::WorkspaceNotWritable { .. } => {
            "check the directory's owner and mode, and run `cci doctor` for the user mapping".to_owned()
        }
        Error::ContainerNotFound { .. } => "see `cci list`".to_owned(),
        Error::ContainerNotRunning { name } => format!("start it with `cci container start {name}`"),
        Error::ContainerRunning { name } => format!("stop it with `cci shutdown {name}`, or use --force"),
        Error::NoTmuxSession { name } => format!("open a shell in it with `cci attach --bash {name}`"),
        Error::ContainerExists { name } => {
            format!("delete it with `cci container delete {name}`, or choose another name")
        }
        Error::SlotsExhausted => "see `cci list`, then stop one with `cci kill <name>`".to_owned(),
        Error::NoSession => "start a new one with `cci shell`".to_owned(),
        Error::SessionNotFound { .. } => "see `cci list --all`".to_owned(),
        Error::SessionElsewhere { id, workspace } => {
            format!("use `cci shell --workspace {} --resume={id}`", GuestText::new(workspace))
        }
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
        Error::IncusRefused { .. } => "run `cci doctor` to check the Incus installation".to_owned(),
        Error::Partly { .. }
        | Error::TimedOut { .. }
        | Error::Host { .. }
        | Error::Interrupted
        | Error::Internal(_) => return None,
    };
    Some(text)
}

/// The shipped profile whose image this is.
fn toolchain(image: &str) -> Option<&str> {
    image.strip_prefix("cci-").filter(|name| ["node", "python", "rust"].contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_of_a_shipped_profile_has_its_own_way() {
        let of = |image: &str| hint(&Error::ImageNotFound { image: image.into() }).unwrap();
        assert!(of("cci-rust").contains("cci build custom cci-rust --script rust.sh"), "{}", of("cci-rust"));
        assert!(of("cci-other").contains("cci image list"), "{}", of("cci-other"));
    }
}
