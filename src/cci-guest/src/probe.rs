//! What runs just before a command, in the same exec: it proves that the agent's user can write in the workspace.

use crate::exit::GuestExit;
use crate::layout::WORKSPACE;

/// Waits up to ten seconds for a route and a name server, where the network comes with a lease.
const NETWORK: &str = r"n=0; until [ -s /etc/resolv.conf ] && grep -q '^[^[:space:]]*[[:space:]]00000000' /proc/net/route || [ $n -ge 200 ]; do n=$((n+1)); sleep 0.05; done; ";

/// Lines of a shell that end with [`GuestExit::WorkspaceNotWritable`] where no file can be made in the workspace; `launch`
/// tells this container's file from those of others.
#[must_use]
pub fn workspace(launch: &str) -> String {
    writable(WORKSPACE, launch)
}

/// The same behind a wait for the network.
#[must_use]
pub fn network_and_workspace(launch: &str) -> String {
    format!("{NETWORK}{}", workspace(launch))
}

/// Makes and removes one file, which no other start makes; the shell makes it itself, for a process costs a moment while
/// the container boots.
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
