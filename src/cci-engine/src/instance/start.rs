//! Starts an existing container, and waits until Incus has cleaned up after a start that failed.

use std::time::Duration;

use cci_incus::{Refusal, StateChange, Status};

use crate::context::Context;
use crate::retry::Retry;

const STEP: &str = "start the container";
/// How long Incus may take for a start.
const LIMIT: Duration = Duration::from_secs(60);
/// How long a start is tried again while Incus still cleans up after one that failed before.
const PATIENCE: Duration = Duration::from_secs(10);
/// How soon Incus begins to clean up.
const BEGINS: Duration = Duration::from_millis(500);

/// Starts it (`PUT /1.0/instances/NAME/state`).
///
/// After a failure it is stopped for good: Incus reports a failed start before it has removed its devices, and takes
/// the devices away from a start that comes meanwhile.
pub(crate) async fn start(cx: &Context, name: &str) -> cci_incus::Result<()> {
    let mut retry = Retry::within(PATIENCE);
    loop {
        let done = async { cx.client.change_state(name, &StateChange::start()).await?.wait(STEP, LIMIT).await };
        let Err(error) = done.await else { return Ok(()) };
        match error.refusal() {
            Refusal::Busy | Refusal::NotCleanedUp if retry.again(STEP, &error).await => {}
            Refusal::StartFailed => {
                cleaned_up(cx, name).await;
                return Err(error);
            }
            _ => return Err(error),
        }
    }
}

/// Waits until Incus has cleaned up after a start that failed; meanwhile it reports the container as running.
async fn cleaned_up(cx: &Context, name: &str) {
    let (mut begins, mut ends) = (Retry::within(BEGINS), Retry::within(PATIENCE));
    let mut began = false;
    loop {
        match cx.client.instance(name).await {
            Ok((found, _)) if found.status_code != Status::Stopped => began = true,
            Ok(_) if !began => {}
            _ => return,
        }
        let wait = if began { &mut ends } else { &mut begins };
        if !wait.again("wait until Incus has cleaned up", &"the start failed").await {
            return;
        }
    }
}
