//! Takes a container that exists: changed only if it is still as it was seen, and started with this launch's plan.

use std::time::Duration;

use cci_core::lifetime::Lifetime;
use cci_core::mark::LAUNCH;
use cci_core::plan::LaunchPlan;
use cci_core::slot::Slot;
use cci_core::{Error, Result};
use cci_incus::{Instance, InstancePut, StateChange, Status};

use super::claim::{Launched, Tried};
use super::facts::Survey;
use super::otherwise::beyond_home;
use super::start_failure;
use crate::app::context::Context;
use crate::app::incus_error::DuringStep;
use crate::app::undo::Made;

/// How often a container is changed that is not as it was a moment ago.
const TRIES: usize = 4;
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
pub(super) async fn take_over(cx: &Context, name: &str, mut change: impl FnMut(&mut InstancePut)) -> Result<bool> {
    let (mut instance, mut etag) = match cx.client.instance(name).await {
        Ok(found) => found,
        Err(error) if error.is_not_found() => return Ok(true),
        Err(error) => return Err(error).during("look at the container"),
    };
    let seen = instance.config.get(LAUNCH).cloned();
    for _ in 0..TRIES {
        if !is_free(&instance, seen.as_ref()) {
            return Ok(false);
        }
        let mut put = InstancePut::from(instance);
        change(&mut put);
        let changed = async {
            let operation = cx.client.put_instance(name, &put, Some(&etag)).await?;
            operation.wait("configure the container", START).await
        };
        let Err(error) = changed.await else { return Ok(true) };
        if error.is_not_found() || error.is_conflict() {
            return Ok(false);
        }
        (instance, etag) = match cx.client.instance(name).await {
            // Incus itself still changes one that has just stopped
            Ok(now) if error.is_precondition_failed() => now,
            Ok((now, _)) if is_free(&now, seen.as_ref()) => return Err(error).during("configure the container"),
            // another launch has it by now, or it is gone
            _ => return Ok(false),
        };
    }
    Ok(false)
}

/// Whether an instance is stopped, and whose it was when it was first looked at.
fn is_free(instance: &Instance, mark: Option<&String>) -> bool {
    instance.status_code == Status::Stopped && instance.config.get(LAUNCH) == mark
}
