//! What a launch does about a refusal: another address, the network as it is now, a conversation outside of the home.

use std::collections::BTreeMap;

use cci_core::mark::LAUNCH;
use cci_core::plan::{InstanceSpec, LaunchPlan};
use cci_core::{Error, Result};

use super::facts;
use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::network;
use crate::session::state_volume;

/// The plan with which a refused create is worth another try; else the refusal.
pub(super) async fn otherwise(
    cx: &Context,
    plan: LaunchPlan,
    wanted: &InstanceSpec,
    refused: Error,
) -> Result<LaunchPlan> {
    if is_busy(&refused) {
        return Ok(plan);
    }
    if let Some(plan) = beyond_home(cx, &plan, &refused).await? {
        return Ok(plan);
    }
    // a `clean` may have seen its network unused, and somebody have made it again
    let gone = network::restored(cx).await? || plan.bridge().is_some_and(|bridge| says(&refused, bridge));
    let here = plan.on(facts::nic(cx).await?);
    if gone || here.subnet() != plan.subnet() {
        return Ok(here);
    }
    match here.elsewhere() {
        Some(other) if address_taken(cx, &plan, wanted).await? => Ok(other),
        _ => Err(refused),
    }
}

/// The plan for a daemon that does not reach this home, if that is what was refused; its volume is there.
pub(super) async fn beyond_home(cx: &Context, plan: &LaunchPlan, refused: &Error) -> Result<Option<LaunchPlan>> {
    let Some(plan) = plan.beyond_home(None).filter(|_| home_refused(plan, refused)) else { return Ok(None) };
    state_volume::make(cx, &plan).await?;
    Ok(Some(plan))
}

/// Whether Incus refused what of the caller's home is mounted: it cannot reach it.
fn home_refused(plan: &LaunchPlan, refused: &Error) -> bool {
    plan.mounted_of_home().any(|source| says(refused, source))
}

/// Whether Incus refused the start because it was not yet done with the create of the same request.
fn is_busy(refused: &Error) -> bool {
    says(refused, "Instance is busy running")
}

fn says(refused: &Error, words: &str) -> bool {
    matches!(refused, Error::IncusRefused { message, .. } if message.contains(words))
}

/// Whether an instance of any project has the address that this launch wanted.
async fn address_taken(cx: &Context, plan: &LaunchPlan, wanted: &InstanceSpec) -> Result<bool> {
    let address = |devices: &BTreeMap<String, BTreeMap<String, String>>| -> Option<String> {
        devices.values().find_map(|device| device.get("ipv4.address").cloned())
    };
    let Some(own) = address(&wanted.devices) else { return Ok(false) };
    let all = cx.client.instances_of_all_projects().await.during("list the containers")?;
    let others = all.iter().filter(|other| other.config.get(LAUNCH).is_none_or(|launch| launch != plan.launch()));
    Ok(others.filter_map(|other| address(&other.devices)).any(|address| address == own))
}
