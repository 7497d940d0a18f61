//! Checks just before a command, in the same exec, that the agent's user can write in the workspace.

use crate::exit::GuestExit;
use crate::layout::WORKSPACE;

/// Waits up to ten seconds for a route and a name server, if the network comes with a lease.
const NETWORK: &str = r"n=0; until [ -s /etc/resolv.conf ] && grep -q '^[^[:space:]]*[[:space:]]00000000' /proc/net/route || [ $n -ge 200 ]; do n=$((n+1)); sleep 0.05; done; ";

/// Shell lines that exit with [`GuestExit::WorkspaceNotWritable`] if no file can be created in the workspace; `launch`
/// distinguishes this container's file from those of others.
#[must_use]
pub fn workspace(launch: &str) -> String {
    writable(WORKSPACE, launch)
}

/// The same after waiting for the network.
#[must_use]
pub fn network_and_workspace(launch: &str) -> String {
    format!("{NETWORK}{}", workspace(launch))
}

/// Creates and removes one file that no other start uses; the shell itself creates it, because a process takes a moment
/// while the container boots.
fn writable(directory: &str, launch: &str) -> String {
    let file = format!("{directory}/.cci-{launch}-$$");
    let exit = GuestExit::WorkspaceNotWritable;
    format!("set -C; {{ true >{file}; }} 2>/dev/null && rm -f {file} || exit {exit}; set +C; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_directory_that_takes_a_file_is_left_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let probed = |directory: &str| {
            let script = writable(directory, "a1b2") + "echo begun";
            Command::new("sh").args(["-c", &script]).output().unwrap()
        };
        assert_eq!(probed(dir.path().to_str().unwrap()).stdout, b"begun\n");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let refused = probed(dir.path().join("gone").to_str().unwrap());
        assert_eq!(GuestExit::from(refused.status.code().unwrap()), GuestExit::WorkspaceNotWritable);
        assert_eq!(refused.stdout, b"");
    }
}
