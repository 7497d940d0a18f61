//! What a launch does about a refusal: another address, the network as it is now, a conversation outside the home.

use std::path::Path;

use cci_core::plan::LaunchPlan;
use cci_core::{Error, Result};
use cci_incus::Refusal;

use super::nic;
use crate::context::Context;
use crate::network;
use crate::session::state_volume;

/// The plan for another try after a refused create; else the refusal.
pub(super) async fn replan(cx: &Context, plan: LaunchPlan, refused: Error) -> Result<LaunchPlan> {
    // Incus had not finished the create when it tried to start what the same request had created
    if refusal(&refused) == Some(&Refusal::Busy) {
        return Ok(plan);
    }
    if let Some(plan) = beyond_home(cx, &plan, &refused).await? {
        return Ok(plan);
    }
    // a `clean` may have removed its network as unused, and somebody may have created it again
    let gone = network::restored(cx).await? || is_network_missing(&plan, &refused);
    let here = plan.on(nic::now(cx).await?);
    if gone || here.subnet() != plan.subnet() {
        return Ok(here);
    }
    match refusal(&refused) {
        Some(Refusal::AddressTaken) => here.elsewhere().ok_or(refused),
        _ => Err(refused),
    }
}

/// The plan for a daemon that cannot reach this home, if that is why it was refused; its volume exists.
pub(super) async fn beyond_home(cx: &Context, plan: &LaunchPlan, refused: &Error) -> Result<Option<LaunchPlan>> {
    let Some(plan) = plan.beyond_home(None).filter(|_| home_refused(plan, refused)) else { return Ok(None) };
    state_volume::make(cx, &plan).await?;
    Ok(Some(plan))
}

/// Whether Incus refused what is mounted from the caller's home, because it cannot reach it.
fn home_refused(plan: &LaunchPlan, refused: &Error) -> bool {
    let Some(Refusal::SourceUnreachable(path)) = refusal(refused) else { return false };
    plan.mounted_of_home().any(|source| Path::new(path).starts_with(source))
}

/// Whether Incus refused the network of the plan because it does not exist.
fn is_network_missing(plan: &LaunchPlan, refused: &Error) -> bool {
    let Some(Refusal::NetworkMissing(name)) = refusal(refused) else { return false };
    plan.bridge() == Some(name)
}

/// The refusal, if it came from Incus.
fn refusal(error: &Error) -> Option<&Refusal> {
    match error {
        Error::IncusRefused { refusal, .. } => Some(refusal),
        _ => None,
    }
}
