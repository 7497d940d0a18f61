//! What happens to a container when its terminal is left: whether it shuts down, although Incus learns of that last.

use std::time::{Duration, Instant};

use cci_core::Result;
use cci_core::lifetime::Lifetime;
use cci_guest::{GuestExit, init};
use cci_incus::{Exec, Instance, Status};
use jiff::{SignedDuration, Timestamp};

use crate::context::Context;
use crate::event::SessionEvent;
use crate::incus_error::DuringStep;
use crate::retry::Retry;

/// How long a question to the container's init may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How often a lost question is repeated.
const TRIES: u32 = 3;
/// How long a system may take until its init answers.
const BOOT: SignedDuration = SignedDuration::from_secs(15);
/// How long to wait for a container that shuts down, and how often to look.
const DOWN: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(50);

/// How long to wait until Incus has recorded a stop.
const HOOKS: Duration = Duration::from_secs(3);

/// What happened to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It keeps running.
    Running,
    /// It is stopping or has stopped; Incus removes an ephemeral one.
    Stopped(Lifetime),
}

/// Examines a container whose terminal was just left, with the exit of the script of [`init::run_then_report`] and the
/// recorded lifetime: for a quarter of a second Incus does not show that a container shuts down.
pub async fn fate(cx: &Context, name: &str, exit: Option<GuestExit>, noted: Option<Lifetime>) -> Result<Fate> {
    match (exit, noted) {
        (Some(GuestExit::KeepsRunning), _) => return Ok(Fate::Running),
        (Some(GuestExit::ShutsDown), Some(lifetime)) => return Ok(Fate::Stopped(lifetime)),
        _ => {}
    }
    let instance = match cx.client.instance(name).await {
        Ok((instance, _)) => instance,
        Err(error) if error.is_not_found() => return Ok(Fate::Stopped(Lifetime::Ephemeral)),
        Err(error) => return Err(error).during("look at the container"),
    };
    let stops =
        exit == Some(GuestExit::ShutsDown) || instance.status_code != Status::Running || is_going_down(cx, name).await;
    Ok(if stops { Fate::Stopped(Lifetime::persistent(!instance.ephemeral)) } else { Fate::Running })
}

/// Whether the system in a running container is shutting down: its init says so, or has given way to what ends
/// everything.
pub(crate) async fn is_going_down(cx: &Context, name: &str) -> bool {
    let asks = Exec::new(init::report());
    let mut retry = Retry::up_to(TRIES);
    loop {
        let error = match cx.client.exec_captured(name, &asks, &[], ANSWER).await {
            // only a system shutdown kills such a short command
            Ok(done) => {
                let goes_down = matches!(done.status.into(), GuestExit::ShutsDown | GuestExit::Reboots);
                return goes_down || !(0..128).contains(&done.status);
            }
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

/// Whether a container was started so recently that its init need not answer yet.
fn may_boot(instance: &Instance) -> bool {
    let began = instance.last_used_at.parse::<Timestamp>();
    began.map_or(true, |began| Timestamp::now().duration_since(began) < BOOT)
}

/// Waits until a container that shuts down has stopped; one that does not is left to the next command.
pub(crate) async fn wait_until_down(cx: &Context, name: &str) -> Result<()> {
    cx.emit(SessionEvent::WaitingForShutdown);
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

/// Whether Incus has not recorded the stop yet: until its hooks have ended it reports once more that the container
/// runs.
///
/// After a crash of the host the record is missing permanently.
fn between_stop_and_hooks(instance: &Instance) -> bool {
    instance.config.get("volatile.last_state.power").is_some_and(|power| power == "RUNNING")
}

/// What becomes of a container that has just begun to reboot: it runs again, or it has stopped for good.
pub(crate) async fn after_reboot(cx: &Context, name: &str) -> Result<Fate> {
    let since = Timestamp::now();
    cx.emit(SessionEvent::WaitingForReboot);
    let over = async {
        let mut ticks = tokio::time::interval(LOOK);
        let mut looks_stopped = None;
        loop {
            ticks.tick().await;
            let instance = match cx.client.instance(name).await {
                Ok((instance, _)) => instance,
                Err(error) if error.is_not_found() => return Ok(Fate::Stopped(Lifetime::Ephemeral)),
                Err(error) => return Err(error).during("look at the container"),
            };
            let started = instance.last_used_at.parse::<Timestamp>().is_ok_and(|began| began >= since);
            match instance.status_code {
                // Incus says so before the hooks have checked the mounts
                Status::Running if started && takes_commands(cx, name).await => return Ok(Fate::Running),
                Status::Stopped if looks_stopped.get_or_insert_with(Instant::now).elapsed() > HOOKS => {
                    return Ok(Fate::Stopped(Lifetime::persistent(!instance.ephemeral)));
                }
                Status::Stopped => {}
                _ => looks_stopped = None,
            }
        }
    };
    tokio::time::timeout(DOWN, over).await.unwrap_or(Ok(Fate::Running))
}

async fn takes_commands(cx: &Context, name: &str) -> bool {
    let nothing = Exec::new(vec!["true".to_owned()]);
    cx.client.exec_detached(name, &nothing, ANSWER).await.is_ok()
}
