//! Takes a container that exists: changed only if it is still as it was seen, and started with this launch's plan.

use std::time::Duration;

use cci_core::lifetime::Lifetime;
use cci_core::mark::LAUNCH;
use cci_core::plan::LaunchPlan;
use cci_core::slot::Slot;
use cci_core::{Error, Result};
use cci_incus::{InstancePut, StateChange, Status};

use super::claim::{Launched, Tried};
use super::facts::Survey;
use super::otherwise::beyond_home;
use super::start_failure;
use crate::app::context::Context;
use crate::app::incus_error::DuringStep;
use crate::app::undo::Made;

/// How long a start of what exists may take.
const START: Duration = Duration::from_secs(60);

/// Starts a stopped persistent container with this launch's configuration, again where the daemon does not reach this
/// home.
pub(super) async fn reuse(cx: &Context, plan: &LaunchPlan, slot: Slot, survey: &Survey) -> Result<Tried> {
    let refused = match reuse_once(cx, plan, slot, survey).await {
        Err(error @ Error::IncusRefused { .. }) => error,
        done => return done,
    };
    match beyond_home(cx, plan, &refused).await? {
        Some(plan) => reuse_once(cx, &plan, slot, survey).await,
        None => Err(refused),
    }
}

async fn reuse_once(cx: &Context, plan: &LaunchPlan, slot: Slot, survey: &Survey) -> Result<Tried> {
    let spec = plan.instance(slot);
    let name = spec.name.clone();
    let mut changed = Vec::new();
    let apply = |put: &mut InstancePut| {
        let before = put.clone();
        put.config.retain(|key, _| key.starts_with("volatile.") || key.starts_with("image."));
        put.config.extend(spec.config.clone());
        // a launch that asks for an ephemeral container still keeps what was made to be kept
        put.config.insert(cci_core::mark::PERSISTENT.to_owned(), Lifetime::Persistent.is_persistent().to_string());
        put.devices.clone_from(&spec.devices);
        put.ephemeral = false;
        changed = differences(&before, put);
    };
    // what was installed in it runs from its start on: the policy is made sure of before
    let (taken_over, _) = tokio::join!(take_over(cx, &name, apply), survey.proof.found(cx));
    if !taken_over? {
        return Ok(Tried::Lost);
    }
    survey.proof.holds_for(cx, plan).await?;
    cx.undo.push(Made::Started { name: name.clone(), launch: plan.launch().to_owned() });
    let step = "start the container";
    let started = async { cx.client.change_state(&name, &StateChange::start()).await?.wait(step, START).await };
    if let Err(error) = started.await {
        return Err(start_failure::explained(cx, &name, error, step).await);
    }
    let (lifetime, plan) = (Lifetime::Persistent, plan.clone());
    Ok(Tried::ours(Launched { name, slot, lifetime, reused: true, changed, plan }))
}

/// The configuration keys and devices that a reuse changes; cci's own marks are of this launch and always do.
fn differences(before: &InstancePut, after: &InstancePut) -> Vec<String> {
    let told = |key: &&String| !key.starts_with("user.cci.") && !key.starts_with("volatile.");
    let keys = before.config.keys().chain(after.config.keys()).filter(told);
    let config = keys.filter(|key| before.config.get(*key) != after.config.get(*key));
    let names = before.devices.keys().chain(after.devices.keys());
    let devices = names.filter(|name| before.devices.get(*name) != after.devices.get(*name));
    let mut changed: Vec<String> = config.chain(devices).filter(|name| *name != "session").cloned().collect();
    changed.sort();
    changed.dedup();
    changed
}

/// Changes a stopped instance if it is still as it was seen; false if another launch changed or removed it first.
pub(super) async fn take_over(cx: &Context, name: &str, change: impl FnOnce(&mut InstancePut)) -> Result<bool> {
    let (instance, etag) = match cx.client.instance(name).await {
        Ok(found) => found,
        Err(error) if error.is_not_found() => return Ok(true),
        Err(error) => return Err(error).during("look at the container"),
    };
    if instance.status_code != Status::Stopped {
        return Ok(false);
    }
    let seen = instance.config.get(LAUNCH).cloned();
    let mut put = InstancePut::from(instance);
    change(&mut put);
    let changed = async {
        let operation = cx.client.put_instance(name, &put, Some(&etag)).await?;
        operation.wait("configure the container", START).await
    };
    match changed.await {
        Ok(_) => Ok(true),
        Err(error) if error.is_not_found() || error.is_precondition_failed() || error.is_conflict() => Ok(false),
        Err(error) => match cx.client.instance(name).await {
            Ok((now, _)) if now.status_code == Status::Stopped && now.config.get(LAUNCH) == seen.as_ref() => {
                Err(error).during("configure the container")
            }
            // another launch has it by now, or it is gone
            _ => Ok(false),
        },
    }
}
