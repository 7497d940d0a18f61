//! What is left of a container when its terminal is left: told apart although Incus learns of a poweroff last.

use std::time::Duration;

use cci_core::Result;
use cci_core::lifetime::Lifetime;
use cci_incus::{Exec, Status};

use super::context::Context;
use super::incus_error::DuringStep;

/// How long a question to the container's init may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How often one that gets lost is asked again.
const TRIES: usize = 3;
/// How long a container that goes down is waited for, and how often it is looked at.
const DOWN: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(50);

/// What its init says while it is not going down.
const UP: [&str; 5] = ["initializing", "starting", "running", "degraded", "maintenance"];

/// What became of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// It runs on.
    Running,
    /// It stops, or has stopped; an ephemeral one is removed by Incus.
    Stopped(Lifetime),
}

/// Looks at a container whose terminal was just left.
pub(crate) async fn look(cx: &Context, name: &str) -> Result<Left> {
    let instance = match cx.client.instance(name).await {
        Ok((instance, _)) => instance,
        Err(error) if error.is_not_found() => return Ok(Left::Stopped(Lifetime::Ephemeral)),
        Err(error) => return Err(error).during("look at the container"),
    };
    let stops = instance.status_code != Status::Running || is_going_down(cx, name).await;
    Ok(if stops { Left::Stopped(Lifetime::persistent(!instance.ephemeral)) } else { Left::Running })
}

/// Whether the system in a running container shuts down: its init says so, or answers no more.
pub(crate) async fn is_going_down(cx: &Context, name: &str) -> bool {
    let asks = Exec { command: ["systemctl", "is-system-running"].map(str::to_owned).to_vec(), ..Exec::default() };
    for _ in 0..TRIES {
        match cx.client.exec_captured(name, &asks, &[], ANSWER).await {
            // an image without systemd is not asked
            Ok(done) if done.status == 127 => return false,
            Ok(done) => return !UP.contains(&String::from_utf8_lossy(&done.stdout).trim()),
            Err(error) => tracing::info!(name, %error, "the container's init did not answer"),
        }
        match cx.client.instance(name).await {
            Ok((instance, _)) if instance.status_code == Status::Running => {}
            _ => return true,
        }
    }
    false
}

/// Waits until a container that goes down has stopped; one that does not is left to whoever comes next.
pub(crate) async fn wait_until_down(cx: &Context, name: &str) -> Result<()> {
    let down = async {
        let mut ticks = tokio::time::interval(LOOK);
        loop {
            ticks.tick().await;
            match cx.client.instance(name).await {
                Ok((instance, _)) if instance.status_code == Status::Running => {}
                Ok(_) => return Ok(()),
                Err(error) if error.is_not_found() => return Ok(()),
                Err(error) => return Err(error).during("look at the container"),
            }
        }
    };
    tokio::time::timeout(DOWN, down).await.unwrap_or(Ok(()))
}
