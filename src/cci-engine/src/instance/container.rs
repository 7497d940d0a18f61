//! The basic verbs on any container of the project: start, stop, delete, look.

use std::time::Duration;

use cci_core::{Error, Result};
use cci_incus::{Refusal, StateAction, StateChange, Status};

use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::instance::operations::pending;
use crate::instance::ownership::find;
use crate::instance::start;
use crate::instance::stop::{self, Stop};
use crate::launch::{self, egress};

/// How long Incus may take to resume one.
const LIMIT: Duration = Duration::from_secs(60);

/// Starts it; a running one is fine.
pub async fn start(cx: &Context, name: &str) -> Result<()> {
    let found = find(cx, name).await?;
    match found.status_code {
        Status::Running => Ok(()),
        Status::Frozen => unfreeze(cx, name).await,
        _ => {
            start_stopped(cx, name).await?;
            egress::reopen(cx, &found).await
        }
    }
}

/// Asks it to stop, and stops it at once after the time; `None` does not ask.
pub async fn stop(cx: &Context, name: &str, within: Option<Duration>) -> Result<()> {
    if find(cx, name).await?.status_code == Status::Stopped {
        return Ok(());
    }
    let how = within.map_or(Stop::Now, Stop::Within);
    stop::stop(cx, name, how, &format!("stop container {name}")).await
}

/// Deletes it; a running one only with `force`.
pub async fn delete(cx: &Context, name: &str, force: bool) -> Result<()> {
    let instance = find(cx, name).await?;
    if instance.status_code != Status::Stopped {
        if !force {
            return Err(Error::ContainerRunning { name: name.to_owned() });
        }
        stop(cx, name, None).await?;
    }
    stop::delete(&cx.client, name).await
}

/// Whether it exists for this caller; one that is being stopped and removed does not.
pub async fn exists(cx: &Context, name: &str) -> Result<bool> {
    Ok(state(cx, name).await?.is_some())
}

/// Whether it runs.
pub async fn is_running(cx: &Context, name: &str) -> Result<bool> {
    Ok(state(cx, name).await? == Some(Status::Running))
}

async fn start_stopped(cx: &Context, name: &str) -> Result<()> {
    match start::start(cx, name).await {
        Err(error) if error.refusal() == Refusal::NotCleanedUp && is_running(cx, name).await? => Ok(()),
        Err(error) => Err(launch::start_failed(cx, name, error, &format!("start container {name}")).await),
        Ok(()) => Ok(()),
    }
}

async fn unfreeze(cx: &Context, name: &str) -> Result<()> {
    let change = StateChange::new(StateAction::Unfreeze);
    let changed = async { cx.client.change_state(name, &change).await?.wait("resume the container", LIMIT).await };
    changed.await.map(drop).during(&format!("resume container {name}"))
}

async fn state(cx: &Context, name: &str) -> Result<Option<Status>> {
    let instance = match find(cx, name).await {
        Ok(instance) => instance,
        // another user's counts as absent
        Err(Error::ContainerNotFound { .. } | Error::NotOwner { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    if instance.ephemeral && is_ending(cx, name).await? {
        return Ok(None);
    }
    Ok(Some(instance.status_code))
}

/// Whether Incus is about to remove it.
async fn is_ending(cx: &Context, name: &str) -> Result<bool> {
    let pending = pending(&cx.client, name).await?;
    Ok(pending.iter().any(|operation| operation.kind().ends_an_instance()))
}
