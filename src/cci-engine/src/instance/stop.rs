//! The one way to stop an instance and to delete a stopped one.

use std::time::Duration;

use cci_core::Result;
use cci_core::mark::LAUNCH;
use cci_incus::{Client, Operation, StateChange, Status};

use super::operations::wait_for_pending;
use crate::context::Context;
use crate::event::InstanceEvent;
use crate::incus_error::DuringStep;

/// How an instance is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// At once.
    Now,
    /// Asks it to shut down; at once when the time is over.
    Within(Duration),
}

/// What Incus is asked for.
const STOP: &str = "stop the container";
/// How long a forced stop or a delete may take.
const FORCE: Duration = Duration::from_secs(60);
/// How long a rollback may wait; an image that is being packed has to be waited for.
const ROLL_BACK: Duration = Duration::from_secs(120);
/// A container in its first moments does not listen to a shutdown yet: added to the deadline.
const MARGIN: Duration = Duration::from_secs(5);

/// Stops it and waits for that; one that has stopped or been removed meanwhile is fine.
pub(crate) async fn stop(cx: &Context, name: &str, how: Stop, step: &str) -> Result<()> {
    if let Stop::Within(within) = how {
        let gentle = StateChange::stop_within(u32::try_from(within.as_secs()).unwrap_or(u32::MAX));
        if settle(&cx.client, name, &gentle, within + MARGIN, step).await.is_ok() {
            return Ok(());
        }
        cx.emit(InstanceEvent::DidNotShutDown { container: name.to_owned(), within });
    }
    settle(&cx.client, name, &StateChange::kill(), FORCE, step).await
}

/// Stops it at once, and does `work` from when Incus has taken that on; if Incus refuses, nothing of it is done.
pub(crate) async fn stop_while<T>(cx: &Context, name: &str, work: impl Future<Output = T>) -> Result<T> {
    match cx.client.change_state(name, &StateChange::kill()).await {
        Ok(stopping) => {
            let (done, stopped) = tokio::join!(work, stopping.wait(STOP, FORCE));
            or_down(&cx.client, name, stopped.map(drop), STOP).await.map(|()| done)
        }
        Err(error) => {
            or_down(&cx.client, name, Err(error), STOP).await?;
            Ok(work.await)
        }
    }
}

/// Requests a forced stop and does not wait for it; `None` if it has stopped already, or was removed.
pub(crate) async fn begin_stop(client: &Client, name: &str) -> cci_incus::Result<Option<Operation>> {
    match client.change_state(name, &StateChange::kill()).await {
        Ok(operation) => Ok(Some(operation)),
        Err(error) if error.is_not_found() || error.is_conflict() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Stops what a launch has started, if it is still that launch's; whether it was.
pub(crate) async fn stop_launched(client: &Client, name: &str, launch: &str) -> Result<bool> {
    wait_for_pending(client, name, STOP, ROLL_BACK).await?;
    let ours = match client.instance(name).await {
        Ok((found, _)) => {
            found.status_code != Status::Stopped && found.config.get(LAUNCH).is_some_and(|mark| mark == launch)
        }
        Err(error) if error.is_not_found() => false,
        Err(error) => return Err(error).during(STOP),
    };
    if ours {
        settle(client, name, &StateChange::kill(), ROLL_BACK, STOP).await?;
    }
    Ok(ours)
}

/// Deletes a stopped one; one that Incus has deleted by itself is fine.
pub(crate) async fn delete(client: &Client, name: &str) -> Result<()> {
    let step = "delete the container";
    let done = async { client.delete_instance(name).await?.wait(step, FORCE).await };
    match done.await {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => match client.instance(name).await {
            Err(gone) if gone.is_not_found() => Ok(()),
            _ => Err(error).during(step),
        },
    }
}

/// Changes the state and waits; one that has been removed or stopped meanwhile is fine.
async fn settle(client: &Client, name: &str, change: &StateChange, limit: Duration, step: &str) -> Result<()> {
    let done = async { client.change_state(name, change).await?.wait(STOP, limit).await };
    or_down(client, name, done.await.map(drop), step).await
}

/// The outcome of a stop; one that has been removed or stopped meanwhile is fine.
async fn or_down(client: &Client, name: &str, done: cci_incus::Result<()>, step: &str) -> Result<()> {
    match done {
        Ok(()) => Ok(()),
        Err(error) => match client.instance(name).await {
            Err(gone) if gone.is_not_found() => Ok(()),
            Ok((instance, _)) if instance.status_code == Status::Stopped => Ok(()),
            _ => Err(error).during(step),
        },
    }
}
