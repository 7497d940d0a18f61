//! What is left of a container when its terminal is left: told apart although Incus learns of a poweroff last.

use std::time::{Duration, Instant};

use cci_core::Result;
use cci_core::lifetime::Lifetime;
use cci_incus::{Exec, Instance, Status};
use jiff::{SignedDuration, Timestamp};

use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::retry::Retry;

/// How long a question to the container's init may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How often one that gets lost is asked again.
const TRIES: u32 = 3;
/// What a system may take until its init answers.
const BOOT: SignedDuration = SignedDuration::from_secs(15);
/// How long a container that goes down is waited for, and how often it is looked at.
const DOWN: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(50);

/// How long the note of a stop is waited for.
const HOOKS: Duration = Duration::from_secs(3);

/// The status of a [`watched`] command after whose end the container runs on.
const RUNS_ON: i32 = 75;
/// The same where it goes down.
const GOES_DOWN: i32 = 76;

/// Ends a moment after the shell that leaves it behind. Init waits ten seconds for the last processes unless the end of
/// one of its own wakes it, and a command of Incus's is not its own.
const LAST: &str = "for moment in 0.2 1; do (trap '' HUP; exec sleep $moment) </dev/null >/dev/null 2>&1 & done;";

/// Lines of a shell that run a command and end with what its container's init says then: a further request would keep
/// the caller waiting. An image without systemd has its init's name only.
pub(crate) fn watched(run: &str) -> String {
    // what init ends everything with reaches this shell too, which lives on to say it
    format!(
        "trap : TERM HUP; {run}; \
         state=$(timeout 5 systemctl is-system-running 2>/dev/null); read -r init </proc/1/comm; \
         case $state:$init in stopping:* | *:systemd-shut*) {LAST} exit {GOES_DOWN} ;; esac; exit {RUNS_ON}"
    )
}

/// What became of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It runs on.
    Running,
    /// It stops, or has stopped; an ephemeral one is removed by Incus.
    Stopped(Lifetime),
}

/// Looks at a container whose terminal was just left, with the status of the [`watched`] command where there is one and
/// what is noted of its lifetime: of a container that goes down Incus says nothing for a quarter of a second.
pub async fn look(cx: &Context, name: &str, status: Option<i32>, noted: Option<Lifetime>) -> Result<Left> {
    match (status, noted) {
        (Some(RUNS_ON), _) => return Ok(Left::Running),
        (Some(GOES_DOWN), Some(lifetime)) => return Ok(Left::Stopped(lifetime)),
        _ => {}
    }
    let instance = match cx.client.instance(name).await {
        Ok((instance, _)) => instance,
        Err(error) if error.is_not_found() => return Ok(Left::Stopped(Lifetime::Ephemeral)),
        Err(error) => return Err(error).during("look at the container"),
    };
    let stops = status == Some(GOES_DOWN) || instance.status_code != Status::Running || is_going_down(cx, name).await;
    Ok(if stops { Left::Stopped(Lifetime::persistent(!instance.ephemeral)) } else { Left::Running })
}

/// Whether the system in a running container shuts down: its init says so, or has given way to what ends everything.
pub(crate) async fn is_going_down(cx: &Context, name: &str) -> bool {
    let asks = Exec::new(["sh", "-c", &watched("true")]);
    let mut retry = Retry::up_to(TRIES);
    loop {
        let error = match cx.client.exec_captured(name, &asks, &[], ANSWER).await {
            // nothing but the end of everything kills so short a command
            Ok(done) => return done.status == GOES_DOWN || !(0..128).contains(&done.status),
            Err(error) => error,
        };
        let boots = match cx.client.instance(name).await {
            Ok((instance, _)) if instance.status_code == Status::Running => may_boot(&instance),
            _ => return true,
        };
        if !retry.again("ask the container's init", &error).await {
            return !boots;
        }
    }
}

/// Whether a container was started so short a time ago that its init need not answer yet.
fn may_boot(instance: &Instance) -> bool {
    let began = instance.last_used_at.parse::<Timestamp>();
    began.map_or(true, |began| Timestamp::now().duration_since(began) < BOOT)
}

/// Waits until a container that goes down has stopped; one that does not is left to whoever comes next.
pub(crate) async fn wait_until_down(cx: &Context, name: &str) -> Result<()> {
    cx.reporter.step("setup", "waiting until the container is down");
    let down = async {
        let mut ticks = tokio::time::interval(LOOK);
        let mut looks_stopped = None;
        loop {
            ticks.tick().await;
            match cx.client.instance(name).await {
                Ok((instance, _)) if instance.status_code == Status::Running => looks_stopped = None,
                Ok((instance, _)) if !between_stop_and_hooks(&instance) => return Ok(()),
                Ok(_) if looks_stopped.get_or_insert_with(Instant::now).elapsed() > HOOKS => return Ok(()),
                Ok(_) => {}
                Err(error) if error.is_not_found() => return Ok(()),
                Err(error) => return Err(error).during("look at the container"),
            }
        }
    };
    tokio::time::timeout(DOWN, down).await.unwrap_or(Ok(()))
}

/// Whether Incus has not noted the stop yet: then it says once more that the container runs, until its hooks have ended.
///
/// After a crash of the host the note is missing for good.
fn between_stop_and_hooks(instance: &Instance) -> bool {
    instance.config.get("volatile.last_state.power").is_some_and(|power| power == "RUNNING")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::{Command, Stdio};

    /// The status with which a watched command ends where init says this.
    fn status(run: &str, said: &str) -> i32 {
        let dir = tempfile::tempdir().unwrap();
        status_with(run, dir.path(), &[("systemctl", &format!("echo {said}"))])
    }

    /// The same where these programs are others, in this directory.
    fn status_with(run: &str, dir: &Path, programs: &[(&str, &str)]) -> i32 {
        for (name, lines) in programs {
            let path = dir.join(name);
            fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let path = format!("{}:/usr/bin:/bin", dir.display());
        let ended = Command::new("sh").args(["-c", &watched(run)]).env_clear().env("PATH", path).status().unwrap();
        ended.code().unwrap()
    }

    #[test]
    fn a_system_that_boots_does_not_go_down() {
        for said in ["offline", "unknown", "initializing", "degraded", ""] {
            assert_eq!(status("true", said), RUNS_ON, "{said:?}");
        }
        assert_eq!(status("true", "stopping"), GOES_DOWN);
    }

    #[test]
    fn init_is_woken_by_what_outlives_the_terminal() {
        let dir = tempfile::tempdir().unwrap();
        let told = dir.path().join("told");
        assert!(Command::new("mkfifo").arg(&told).status().unwrap().success());
        // one of the two says it: the other would wait for a reader for ever
        let sleep = format!("[ $1 = 1 ] || exit; kill -s HUP $$; echo lived > {}", told.display());
        let reads = Command::new("timeout").args(["10", "head", "-n1"]).arg(&told).stdout(Stdio::piped()).spawn();
        let programs = [("systemctl", "echo stopping"), ("sleep", &*sleep)];
        assert_eq!(status_with("true", dir.path(), &programs), GOES_DOWN);
        assert_eq!(reads.unwrap().wait_with_output().unwrap().stdout, b"lived\n");
    }

    #[test]
    fn what_ends_everything_does_not_end_the_word_about_it() {
        assert_eq!(status("kill $$; kill -s HUP $$; false", "stopping"), GOES_DOWN);
    }
}
