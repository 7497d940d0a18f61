//! What a container's init reports: whether the system is shutting down, and when it is up.

use crate::exit::GuestExit;
use crate::shell;

/// Exits a moment after the shell that starts it. Init waits ten seconds for the last processes unless one of its own
/// children exits and wakes it, and a command of Incus is not its child.
const WAKE_INIT: &str = "for moment in 0.2 1; do (trap '' HUP; exec sleep $moment) </dev/null >/dev/null 2>&1 & done;";

/// Init can be asked nothing before its socket exists.
const UNTIL_BOOTED: &str = "until [ -S /run/systemd/private ]; do sleep 0.1; done; systemctl is-system-running --wait";

/// Prints what a system that goes down is about to do: its queued jobs, and the command line of init, which has been
/// replaced by `systemd-shutdown` in the end.
const ABOUT_TO: &str = "timeout 2 systemctl list-jobs --no-legend 2>/dev/null; tr '\\0' ' ' </proc/1/cmdline";

/// Shell lines that run a command and then exit with what the container's init reports, [`GuestExit::KeepsRunning`],
/// [`GuestExit::ShutsDown`] or [`GuestExit::Reboots`]: a further request would keep the caller waiting.
///
/// In an image without systemd only the name of init is known.
#[must_use]
pub fn run_then_report(run: &str) -> String {
    let (keeps_running, shuts_down, reboots) = (GuestExit::KeepsRunning, GuestExit::ShutsDown, GuestExit::Reboots);
    // init's shutdown signals reach this shell too, which must survive to report it
    format!(
        "trap : TERM HUP; {run}; \
         state=$(timeout 5 systemctl is-system-running 2>/dev/null); read -r init </proc/1/comm; \
         case $state:$init in stopping:* | *:systemd-shut*) {WAKE_INIT} \
         case $({ABOUT_TO}) in *reboot.target* | *shutdown' 'reboot*) exit {reboots} ;; esac; exit {shuts_down} ;; esac; exit {keeps_running}"
    )
}

/// The command that asks the container's init alone.
#[must_use]
pub fn report() -> Vec<String> {
    shell::command(&run_then_report("true"), [""; 0])
}

/// The command that waits until a container's system is up, degraded or not.
#[must_use]
pub fn wait_until_booted() -> Vec<String> {
    shell::command(UNTIL_BOOTED, [""; 0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::{Command, Stdio};

    /// How the lines exit when init reports this.
    fn status(run: &str, said: &str) -> GuestExit {
        let dir = tempfile::tempdir().unwrap();
        status_with(run, dir.path(), &[("systemctl", &format!("echo {said}"))])
    }

    /// The same with these programs replaced, in this directory.
    fn status_with(run: &str, dir: &Path, programs: &[(&str, &str)]) -> GuestExit {
        for (name, lines) in programs {
            let path = dir.join(name);
            fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let path = format!("{}:/usr/bin:/bin", dir.display());
        let ended =
            Command::new("sh").args(["-c", &run_then_report(run)]).env_clear().env("PATH", path).status().unwrap();
        GuestExit::from(ended.code().unwrap())
    }

    #[test]
    fn a_system_that_boots_does_not_go_down() {
        for said in ["offline", "unknown", "initializing", "degraded", ""] {
            assert_eq!(status("true", said), GuestExit::KeepsRunning, "{said:?}");
        }
        assert_eq!(status("true", "stopping"), GuestExit::ShutsDown);
    }

    #[test]
    fn a_reboot_is_distinguished_from_a_shutdown() {
        let of = |jobs: &str| {
            let dir = tempfile::tempdir().unwrap();
            let systemctl = format!("[ $1 = list-jobs ] && echo '{jobs}' || echo stopping");
            status_with("true", dir.path(), &[("systemctl", &systemctl)])
        };
        assert_eq!(of("12 reboot.target start waiting"), GuestExit::Reboots);
        assert_eq!(of("12 poweroff.target start waiting"), GuestExit::ShutsDown);
    }

    #[test]
    fn init_is_woken_by_what_outlives_the_terminal() {
        let dir = tempfile::tempdir().unwrap();
        let told = dir.path().join("told");
        assert!(Command::new("mkfifo").arg(&told).status().unwrap().success());
        // only one of the two reports it: the other would wait for a reader forever
        let sleep = format!("[ $1 = 1 ] || exit; kill -s HUP $$; echo lived > {}", told.display());
        let reads = Command::new("timeout").args(["10", "head", "-n1"]).arg(&told).stdout(Stdio::piped()).spawn();
        let programs = [("systemctl", "echo stopping"), ("sleep", &*sleep)];
        assert_eq!(status_with("true", dir.path(), &programs), GuestExit::ShutsDown);
        assert_eq!(reads.unwrap().wait_with_output().unwrap().stdout, b"lived\n");
    }

    #[test]
    fn what_ends_everything_does_not_end_the_word_about_it() {
        assert_eq!(status("kill $$; kill -s HUP $$; false", "stopping"), GuestExit::ShutsDown);
    }
}
