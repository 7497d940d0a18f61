//! What decides which code runs next to the user's credentials.

use std::path::Path;

use cci_guest::layout::WORKSPACE;

use super::super::model::{Settings, Variable};

pub(super) const CODE: &str = "it would decide which code runs next to the credentials";
pub(super) const TELLS: &str =
    "it is not one of the variables that are known to choose neither code nor an address next to the credentials";
pub(super) const LOOKED_UP: &str =
    "it would put files of the workspace where programs next to the credentials are looked up";

/// Whether credentials of the user are in the containers of a run: the host's own, a variable of the user's files or one
/// that they forward, or
/// what the command line brings (`-e`, `--env-file`, and a resumed conversation, which has what it was given when it
/// began).
///
/// `trusted` is the result of the user's own layers. What a project says about itself does not count: a file that
/// declines the credentials could be read before a container that already has them is reused. The verb does not count
/// either, so that every verb judges a file alike.
#[must_use]
pub fn credentials_inside(trusted: &Settings, command_line: bool) -> bool {
    let given = &trusted.defaults;
    given.agent_config || !given.environment.is_empty() || !given.forward.is_empty() || command_line
}

/// Directories of an image in which programs, their files or their sockets are looked up.
const OF_THE_IMAGE: [&str; 18] = [
    "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib32", "/lib64", "/nix", "/opt", "/proc", "/root", "/run",
    "/sbin", "/sys", "/tmp", "/usr", "/var",
];

/// Whether nothing in a container looks for programs or their files at a place, unless the project itself arranges it.
pub(super) fn is_free_place(container: &str, trusted: &Settings) -> bool {
    let place = Path::new(container);
    // what is mounted in the workspace belongs to the workspace
    if place.starts_with(WORKSPACE) {
        return true;
    }
    let meets = |other: &str| place.starts_with(other) || Path::new(other).starts_with(place);
    let path = match trusted.defaults.environment.get("PATH") {
        Some(Variable::Text(path)) => path.as_str(),
        _ => "",
    };
    !OF_THE_IMAGE.iter().any(|directory| meets(directory))
        && !path.split(':').filter(|entry| entry.starts_with('/')).any(meets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_user_who_gives_nothing_has_no_credentials_inside() {
        let mut trusted = Settings::default();
        assert!(credentials_inside(&trusted, false), "the host's own are given unless told otherwise");
        trusted.defaults.agent_config = false;
        assert!(!credentials_inside(&trusted, false));
        assert!(credentials_inside(&trusted, true));
        trusted.defaults.forward = vec!["TOKEN".into()];
        assert!(credentials_inside(&trusted, false));
        trusted.defaults.forward.clear();
        trusted.defaults.environment.insert("TOKEN".into(), Variable::Text("x".into()));
        assert!(credentials_inside(&trusted, false));
    }

    #[test]
    fn a_mount_is_free_where_nothing_is_looked_up() {
        let mut trusted = Settings::default();
        trusted.defaults.environment.insert("PATH".into(), Variable::Text("/tools/bin:/usr/bin:".into()));
        for place in ["/data", "/mnt/x", "/srv/cache", "/workspace/.git/hooks", "/optional", "/homes"] {
            assert!(is_free_place(place, &trusted), "{place}");
        }
        for place in [
            "/home/code/.local/bin",
            "/home/code/.npm-global",
            "/home/code/.bashrc",
            "/opt/x",
            "/usr/local/bin",
            "/tmp/tmux-1000",
            "/var/spool/cron",
            "/tools",
            "/tools/bin/deep",
            "/",
        ] {
            assert!(!is_free_place(place, &trusted), "{place}");
        }
    }
}
