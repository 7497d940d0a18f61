//! The names of the devices by which a container sees the repository of its workspace.

/// How all of them begin.
const OF_GIT: &str = "git-";
/// How those begin that show a file of cci's own.
const REDIRECT: &str = "git-own-";

/// The name of a device that shows something of the host's repository.
#[must_use]
pub fn shown(number: usize) -> String {
    format!("{OF_GIT}{number}")
}

/// The name of a device that shows a directory of the user's own worktree in one of a session.
#[must_use]
pub fn linked(number: usize) -> String {
    format!("{OF_GIT}link-{number}")
}

/// The name of a device that leads git to the container's own settings.
#[must_use]
pub fn redirect(number: usize) -> String {
    format!("{REDIRECT}{number}")
}

/// Whether a device is for git.
#[must_use]
pub fn is_of_git(device: &str) -> bool {
    device.starts_with(OF_GIT)
}

/// Whether a device shows a file of cci's own.
#[must_use]
pub fn is_redirect(device: &str) -> bool {
    device.starts_with(REDIRECT)
}
