//! Creates a container: one request, and who has the name if it fails.

use std::time::Duration;

use cci_core::machine::MachineSpec;
use cci_core::mark::LAUNCH;
use cci_core::plan::LaunchPlan;
use cci_core::slot::Slot;
use cci_core::{Error, Result};
use cci_incus::{Done, NewInstance};

use super::facts::Survey;
use super::launched::{Launched, Tried};
use super::origin::Origin;
use super::policy_check::PolicyCheck;
use super::replan::replan;
use super::reuse::take_over;
use super::{start_failure, unreachable};
use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::instance::create::{begin, note};
use crate::instance::operations::wait_for_pending;
use crate::instance::remove::remove_launched;
use crate::retry::Retry;

/// The step, as errors name it.
const STEP: &str = "create the container";
/// How often to try a container whose network or address others take away.
const TRIES: u32 = 4;

/// Creates the container of a slot.
pub(super) async fn create(cx: &Context, plan: &LaunchPlan, slot: Slot, survey: &Survey) -> Result<Tried> {
    let Some(plan) = make(cx, plan, survey, |plan| plan.machine(slot)).await? else { return Ok(Tried::Lost) };
    let (name, lifetime) = (plan.name(slot).to_string(), plan.lifetime);
    Ok(Tried::ours(Launched { name, slot, lifetime, reused: false, changed: Vec::new(), plan }))
}

/// Creates and starts what a plan wants; again if its network was removed meanwhile or its rules came late, and with
/// another address if the first one was in use. Returns the plan as it was carried out, or `None` if the name belongs
/// to another launch.
pub(super) async fn make(
    cx: &Context,
    plan: &LaunchPlan,
    survey: &Survey,
    wanted_by: impl Fn(&LaunchPlan) -> MachineSpec,
) -> Result<Option<LaunchPlan>> {
    let (origin, mut plan) = Origin::of(cx, plan, survey).await?;
    let mut retry = Retry::up_to(TRIES);
    loop {
        let wanted = wanted_by(&plan);
        plan = match make_once(cx, &plan, &wanted, &origin, &survey.policy_check).await {
            Err(error @ Error::IncusRefused { .. }) if retry.again(STEP, &error).await => {
                replan(cx, plan, error).await.map_err(unreachable::explained)?
            }
            Ok(true) if survey.policy_check.came_late(cx).await? && retry.again(STEP, &"its rules came late").await => {
                plan
            }
            ours => return ours.map(|ours| ours.then_some(plan)).map_err(unreachable::explained),
        }
        .again();
        remove_launched(&cx.client, &wanted.name, plan.launch()).await?;
    }
}

/// One request creates and starts it; false for a name conflict, which means that the name belongs to another launch.
async fn make_once(
    cx: &Context,
    plan: &LaunchPlan,
    wanted: &MachineSpec,
    origin: &Origin<'_>,
    policy_check: &PolicyCheck,
) -> Result<bool> {
    let name = &wanted.name;
    let made = note(cx, wanted);
    if cx.scope.ledger.another_makes(name, plan.launch()) {
        cx.scope.ledger.forget(&made);
        return Ok(false);
    }
    let Err(error) = made_by(cx, &origin.request(wanted), origin.limit(), policy_check).await else { return Ok(true) };
    // the label is there with the name, long before the container is
    if is_anothers(cx, plan, name).await {
        cx.scope.ledger.forget(&made);
        return Ok(false);
    }
    // otherwise another launch may be just about to have it
    wait_for_pending(&cx.client, name, STEP, origin.limit()).await?;
    match cx.client.instance(name).await {
        Ok((found, _)) if found.config.get(LAUNCH).is_some_and(|mark| mark == plan.launch()) => {
            Err(start_failure::explained(cx, name, error, STEP).await)
        }
        Ok(_) => {
            cx.scope.ledger.forget(&made);
            Ok(false)
        }
        Err(_) => Err(error).during(STEP),
    }
}

/// Sends the request that makes and starts a machine, and meanwhile checks what is still to be verified.
async fn made_by(
    cx: &Context,
    request: &NewInstance,
    limit: Duration,
    policy_check: &PolicyCheck,
) -> cci_incus::Result<Done> {
    let operation = begin(&cx.client, request).await?;
    // a check that fails is repeated before a command begins
    let (made, _) = tokio::join!(operation.wait(STEP, limit), policy_check.verify(cx));
    made
}

/// Whether an instance of this name exists without the label of this launch.
async fn is_anothers(cx: &Context, plan: &LaunchPlan, name: &str) -> bool {
    let found = cx.client.instance(name).await;
    found.is_ok_and(|(found, _)| found.config.get(LAUNCH).is_none_or(|mark| mark != plan.launch()))
}

/// Removes what a crash left and creates it again; the `ETag` ensures that only this launch removes it.
pub(super) async fn replace(cx: &Context, plan: &LaunchPlan, slot: Slot, survey: &Survey) -> Result<Tried> {
    // nothing is removed for a launch that cannot succeed
    Origin::of(cx, plan, survey).await?;
    let name = plan.name(slot).to_string();
    let taken_over = take_over(cx, &name, |put| {
        put.config.insert(LAUNCH.to_owned(), plan.launch().to_owned());
    });
    if !taken_over.await? {
        return Ok(Tried::Lost);
    }
    remove_launched(&cx.client, &name, plan.launch()).await?;
    create(cx, plan, slot, survey).await
}
