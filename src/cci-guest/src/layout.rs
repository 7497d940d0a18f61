//! The places and the user of a container that cci's image provides, or that a launch mounts.

use crate::exit::GuestExit;
use crate::shell::quoted;

/// The agent's user.
pub const USER: &str = "code";
/// Its home.
pub const HOME: &str = "/home/code";
/// Where the project is mounted.
pub const WORKSPACE: &str = "/workspace";
/// The variable of every command in a container that says where git works, if that is not [`WORKSPACE`].
pub const PLACE_VARIABLE: &str = "CCI_WORKSPACE";
/// The socket of the session's tmux: outside `/tmp`, which systemd empties while the container boots.
pub const TMUX_SOCKET: &str = "/home/code/.cci-tmux";
/// Where programs are looked up that nobody but root can put there.
pub const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The file that names the name server.
pub const RESOLV: &str = "/etc/resolv.conf";

/// Shell lines that enter a directory, and exit with [`GuestExit::NoDirectory`] if that fails; without one they enter
/// the workspace, where git works if it is there at several places, or `/` if there is none.
#[must_use]
pub fn enter(directory: Option<&str>) -> String {
    match directory {
        Some(directory) => format!("cd -- {} 2>/dev/null || exit {}; ", quoted(directory), GuestExit::NoDirectory),
        None => {
            format!("cd \"${{{PLACE_VARIABLE}:-{WORKSPACE}}}\" 2>/dev/null || cd {WORKSPACE} 2>/dev/null || cd /; ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_directory_is_entered_by_its_exact_name_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join("it's $HOME");
        std::fs::create_dir(&odd).unwrap();
        let enters = |path: &str| Command::new("sh").args(["-c", &(enter(Some(path)) + "pwd")]).output().unwrap();
        let entered = enters(odd.to_str().unwrap());
        assert_eq!(String::from_utf8(entered.stdout).unwrap().trim_end(), odd.to_str().unwrap());
        let refused = enters(dir.path().join("gone").to_str().unwrap());
        assert_eq!(GuestExit::from(refused.status.code().unwrap()), GuestExit::NoDirectory);
        assert_eq!(refused.stdout, b"");
    }
}
