//! The first process of a container, as the host sees it: its end is the end of everything in the container.
//!
//! Incus takes four times as long to clear a container away as to end its processes. The kernel lets a first process end
//! only once nothing else is left in its namespace, so what comes next can begin then.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use cci_core::{Error, Result};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::unix::AsyncFd;
use tokio::time::timeout;

use crate::blocking::blocking;
use crate::context::Context;

/// How long a container that is killed may take.
const LIMIT: Duration = Duration::from_secs(60);

/// The first process of a running container.
pub(crate) struct Init {
    container: String,
    process: AsyncFd<OwnedFd>,
}

impl Init {
    /// Of a running container (`GET /1.0/instances/NAME/state`); `None` where the kernel does not show it: Incus is on
    /// another machine, or `/proc` shows nobody else's processes.
    pub(crate) async fn of(cx: &Context, container: &str) -> Option<Self> {
        let pid = cx.client.instance_state(container).await.ok()?.pid;
        let process = watched(Pid::from_raw(i32::try_from(pid).ok()?)?).ok()?;
        // looked at after it is held: until then another process can have got the number
        let groups = blocking(move || Ok(std::fs::read_to_string(format!("/proc/{pid}/cgroup")))).await.ok()?.ok()?;
        is_of(&groups, cx.client.project(), container).then_some(())?;
        Some(Self { container: container.to_owned(), process })
    }

    /// Waits until nothing of the container runs.
    pub(crate) async fn gone(&self) -> Result<()> {
        match timeout(LIMIT, self.process.readable()).await {
            Ok(Ok(_)) => Ok(()),
            ended => Err(Error::StepFailed {
                step: format!("waiting for the end of container {}", self.container),
                problem: match ended {
                    Ok(Err(error)) => error.to_string(),
                    _ => "its processes still run".into(),
                },
                hint: None,
            }),
        }
    }
}

/// Lets the runtime watch a process.
#[expect(deprecated, reason = "its successor is an unsafe fn; an owned descriptor upholds what that asks for")]
fn watched(process: Pid) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(pidfd_open(process, PidfdFlags::empty())?)
}

/// Whether these are the control groups of a container: Incus names them by project and name.
fn is_of(groups: &str, project: &str, container: &str) -> bool {
    let name = if project == "default" { container.to_owned() } else { format!("{project}_{container}") };
    let payload = format!("lxc.payload.{name}");
    groups.split(['/', '\n']).any(|part| part == payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    #[test]
    fn a_process_is_of_a_container_by_its_control_group() {
        let groups = "12:pids:/lxc.payload.cci-a-1\n0::/lxc.payload.cci-a-1/init.scope\n";
        assert!(is_of(groups, "default", "cci-a-1"));
        for (project, container) in [("default", "cci-a"), ("default", "cci-a-11"), ("other", "cci-a-1")] {
            assert!(!is_of(groups, project, container), "{project} {container}");
        }
        assert!(is_of("0::/lxc.payload.other_cci-a-1/init.scope\n", "other", "cci-a-1"));
        assert!(!is_of("0::/user.slice\n", "default", "cci-a-1"));
    }

    #[tokio::test]
    async fn a_process_that_is_none_of_the_container_is_not_waited_for() {
        let world = World::new();
        world.container("cci-a-1").put();
        // the daemon in memory names a process that is none of a container, or none at all
        assert!(Init::of(&world.cx(), "cci-a-1").await.is_none());
        assert!(Init::of(&world.cx(), "cci-missing-1").await.is_none());
    }

    #[tokio::test]
    async fn its_end_is_waited_for() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let init = Init { container: "cci-a-1".into(), process: watched(Pid::from_child(&child)).unwrap() };
        let early = timeout(Duration::from_millis(20), init.gone()).await;
        assert!(early.is_err(), "it still runs");
        child.kill().unwrap();
        init.gone().await.unwrap();
        child.wait().unwrap();
    }
}
