//! Reuses an existing container: changed only if it is still as it was seen, and started with this launch's plan.

use std::time::Duration;

use cci_core::git_device::is_of_git;
use cci_core::lifetime::Lifetime;
use cci_core::machine::{Container, container};
use cci_core::mark::{LAUNCH, PERSISTENT};
use cci_core::plan::{LaunchPlan, SOCKETS};
use cci_core::slot::Slot;
use cci_core::{Error, Result};
use cci_incus::{Instance, InstancePut, Status};

use super::facts::Survey;
use super::image::{as_made, check_boundary, has_gvisor};
use super::launched::{Launched, Tried};
use super::replan::beyond_home;
use super::{start_failure, unreachable};
use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::instance::original::is_kept;
use crate::instance::start;
use crate::ledger::Made;
use crate::retry::Retry;

/// How often to change a container that changed a moment ago.
const TRIES: u32 = 4;
/// How long configuring an existing container may take.
const CONFIGURE: Duration = Duration::from_secs(60);

/// Starts a stopped persistent container with this launch's configuration; again if the daemon cannot reach this home,
/// or if the network was not complete yet.
pub(super) async fn reuse(cx: &Context, plan: &LaunchPlan, slot: Slot, survey: &Survey) -> Result<Tried> {
    let refused = match reuse_once(cx, plan, slot, survey).await {
        Err(error @ Error::IncusRefused { .. }) => error,
        done => return done,
    };
    if let Some(plan) = beyond_home(cx, plan, &refused).await? {
        return reuse_once(cx, &plan, slot, survey).await;
    }
    if survey.policy_check.came_late(cx).await? {
        return reuse_once(cx, plan, slot, survey).await;
    }
    Err(unreachable::explained(refused))
}

async fn reuse_once(cx: &Context, plan: &LaunchPlan, slot: Slot, survey: &Survey) -> Result<Tried> {
    let (name, guarded) = (plan.name(slot).to_string(), plan.is_guarded(slot));
    if let Some(seen) = survey.instances.iter().find(|instance| instance.name == name) {
        check_boundary(&as_made(plan, &seen.config), has_gvisor(&seen.config))?;
    }
    let (mut plan, mut changed) = (plan.clone(), Vec::new());
    let apply = |put: &mut InstancePut| {
        let before = put.clone();
        plan = as_made(&plan, &put.config);
        configure(put, container(&plan.machine(slot)));
        changed = differences(&before, put);
    };
    // what was installed in it runs as soon as it starts: unless the rules come with the start, they are verified first
    let before = async { if guarded { Ok(()) } else { survey.policy_check.verify(cx).await } };
    let (taken_over, _) = tokio::join!(take_over(cx, &name, apply), before);
    if !taken_over? {
        return Ok(Tried::Lost);
    }
    if !guarded {
        survey.policy_check.holds_for(cx, &plan).await?;
    }
    cx.scope.ledger.push(Made::Started { name: name.clone(), launch: plan.launch().to_owned() });
    let step = "start the container";
    // a check that fails is repeated before a command begins
    let (started, _) = tokio::join!(start::start(cx, &name), survey.policy_check.verify(cx));
    if let Err(error) = started {
        return Err(start_failure::explained(cx, &name, error, step).await);
    }
    Ok(Tried::ours(Launched { name, slot, lifetime: Lifetime::Persistent, reused: true, changed, plan }))
}

/// Applies the plan to a container; it stays persistent even if this launch asked for an ephemeral one.
fn configure(put: &mut InstancePut, wanted: Container) {
    put.config.retain(|key, _| is_kept(key));
    put.config.extend(wanted.config);
    put.config.insert(PERSISTENT.to_owned(), Lifetime::Persistent.is_persistent().to_string());
    put.devices = wanted.devices;
    put.ephemeral = false;
}

/// The configuration keys and devices that a reuse changes, except what differs for each launch: cci's labels, and the
/// launch's random text wherever it occurs.
fn differences(before: &InstancePut, after: &InstancePut) -> Vec<String> {
    let launch = |put: &InstancePut| put.config.get(LAUNCH).cloned().unwrap_or_default();
    let (earlier, now) = (launch(before), launch(after));
    let as_now = |value: &String| if earlier.is_empty() { value.clone() } else { value.replace(&earlier, &now) };
    let told = |key: &&String| !["user.cci.", "volatile.", "environment."].iter().any(|start| key.starts_with(start));
    let keys = before.config.keys().chain(after.config.keys()).filter(told);
    let config = keys.filter(|key| before.config.get(*key).map(as_now).as_ref() != after.config.get(*key));
    let names = before.devices.keys().chain(after.devices.keys());
    let devices = names.filter(|name| before.devices.get(*name) != after.devices.get(*name));
    let mut changed: Vec<String> = config
        .chain(devices)
        .filter(|name| !["session", SOCKETS].contains(&name.as_str()) && !is_of_git(name))
        .cloned()
        .collect();
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
    let mut retry = Retry::up_to(TRIES);
    while is_free(&instance, seen.as_ref()) {
        let mut put = InstancePut::from(instance);
        change(&mut put);
        let changed = async {
            let operation = cx.client.put_instance(name, &put, Some(&etag)).await?;
            operation.wait("configure the container", CONFIGURE).await
        };
        let Err(error) = changed.await else { return Ok(true) };
        if error.is_not_found() || error.is_conflict() {
            return Ok(false);
        }
        (instance, etag) = match cx.client.instance(name).await {
            // Incus itself is still changing one that has just stopped
            Ok(now) if error.is_precondition_failed() && retry.again("configure the container", &error).await => now,
            Ok(_) if error.is_precondition_failed() => return Ok(false),
            Ok((now, _)) if is_free(&now, seen.as_ref()) => return Err(error).during("configure the container"),
            // another launch has it by now, or it was removed
            _ => return Ok(false),
        };
    }
    Ok(false)
}

/// Whether an instance is stopped, and still belongs to the launch that it was first seen with.
fn is_free(instance: &Instance, mark: Option<&String>) -> bool {
    instance.status_code == Status::Stopped && instance.config.get(LAUNCH) == mark
}

#[cfg(test)]
mod tests {
    use cci_incus::Disk;

    use super::*;

    fn put(config: &[(&str, &str)], session: &str) -> InstancePut {
        let config = config.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let devices = [("session".to_owned(), Disk::of_host(session, "/s").into())].into();
        InstancePut { config, devices, ..InstancePut::default() }
    }

    #[test]
    fn what_is_of_each_launch_its_own_is_not_told() {
        let before = put(&[(LAUNCH, "a1"), ("raw.lxc", "chain by_a1n0"), ("limits.cpu", "1"), ("old", "x")], "/one");
        let after = put(&[(LAUNCH, "b2"), ("raw.lxc", "chain by_b2n0"), ("limits.cpu", "2"), ("new", "x")], "/two");
        assert_eq!(differences(&before, &after), ["limits.cpu", "new", "old"]);
        let other = put(&[(LAUNCH, "b2"), ("raw.lxc", "another by_b2n0"), ("limits.cpu", "1"), ("old", "x")], "/two");
        assert_eq!(differences(&before, &other), ["raw.lxc"]);
        let unmarked = put(&[("raw.lxc", "chain by_a1n0")], "/one");
        assert_eq!(differences(&unmarked, &unmarked.clone()), Vec::<String>::new());
    }
}
