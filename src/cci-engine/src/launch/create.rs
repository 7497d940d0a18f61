//! Makes a container: one request, and who has the name when it fails.

use std::time::Duration;

use cci_core::machine::MachineSpec;
use cci_core::mark::LAUNCH;
use cci_core::plan::LaunchPlan;
use cci_core::slot::Slot;
use cci_core::{Error, Result};
use cci_incus::{Done, NewInstance, Source};

use super::facts::Survey;
use super::image::Found;
use super::launched::{Launched, Tried};
use super::proof::Proof;
use super::replan::replan;
use super::reuse::take_over;
use super::{start_failure, unreachable};
use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::instance::create::{note, request};
use crate::instance::operations::wait_for_pending;
use crate::instance::remove::remove_launched;
use crate::retry::Retry;

/// What is done, as errors name it.
const STEP: &str = "create the container";
/// How long Incus may take to unpack an image and start the container.
const CREATE: Duration = Duration::from_secs(180);
/// So often a container is tried whose network or address others take away.
const TRIES: u32 = 4;

/// Makes the container of a slot.
pub(super) async fn create(cx: &Context, plan: &LaunchPlan, slot: Slot, survey: &Survey) -> Result<Tried> {
    let Some(plan) = make(cx, plan, survey, |plan| plan.machine(slot)).await? else { return Ok(Tried::Lost) };
    let (name, lifetime) = (plan.name(slot).to_string(), plan.lifetime);
    Ok(Tried::ours(Launched { name, slot, lifetime, reused: false, changed: Vec::new(), plan }))
}

/// Makes and starts what is wanted by a plan, again where its network was removed meanwhile or its rules came late, and
/// with another address where the first one was taken; the plan as it was carried out, or `None` where the name is
/// another launch's.
pub(super) async fn make(
    cx: &Context,
    plan: &LaunchPlan,
    survey: &Survey,
    wanted_by: impl Fn(&LaunchPlan) -> MachineSpec,
) -> Result<Option<LaunchPlan>> {
    let image = survey.image.found(cx).await?;
    let mut plan = plan.from_image(plan.image(), image.takes_resolv);
    let mut retry = Retry::up_to(TRIES);
    loop {
        let wanted = wanted_by(&plan);
        plan = match make_once(cx, &plan, &wanted, image, &survey.proof).await {
            Err(error @ Error::IncusRefused { .. }) if retry.again(STEP, &error).await => {
                replan(cx, plan, error).await.map_err(unreachable::explained)?
            }
            Ok(true) if survey.proof.came_late(cx).await? && retry.again(STEP, &"its rules came late").await => plan,
            ours => return ours.map(|ours| ours.then_some(plan)).map_err(unreachable::explained),
        }
        .again();
        remove_launched(&cx.client, &wanted.name, plan.launch()).await?;
    }
}

/// One request makes and starts it; false for a name conflict, which means that the name is another launch's.
async fn make_once(
    cx: &Context,
    plan: &LaunchPlan,
    wanted: &MachineSpec,
    image: &Found,
    proof: &Proof,
) -> Result<bool> {
    let name = &wanted.name;
    let made = note(cx, wanted);
    if cx.scope.ledger.another_makes(name, plan.launch()) {
        cx.scope.ledger.forget(&made);
        return Ok(false);
    }
    // the fingerprint, so that an alias that moves meanwhile cannot change what was looked at
    let new = request(wanted, Source::fingerprint(&image.fingerprint), true);
    let Err(error) = made_by(cx, &new, proof).await else { return Ok(true) };
    // the mark is there with the name, long before the container is
    if is_anothers(cx, plan, name).await {
        cx.scope.ledger.forget(&made);
        return Ok(false);
    }
    // else another launch may be just about to have it
    wait_for_pending(&cx.client, name, STEP, CREATE).await?;
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

/// Sends the request that makes an instance, and while Incus is at it asks for what is still to be made sure of.
async fn made_by(cx: &Context, new: &NewInstance, proof: &Proof) -> cci_incus::Result<Done> {
    let operation = cx.client.create_instance(new).await?;
    // a proof that fails is asked for again before a command begins
    let (made, _) = tokio::join!(operation.wait(STEP, CREATE), proof.found(cx));
    made
}

/// Whether an instance of this name is there that has not the mark of this launch.
async fn is_anothers(cx: &Context, plan: &LaunchPlan, name: &str) -> bool {
    let found = cx.client.instance(name).await;
    found.is_ok_and(|(found, _)| found.config.get(LAUNCH).is_none_or(|mark| mark != plan.launch()))
}

/// Removes what a crash left and creates anew; the `ETag` makes this launch the only one that removes it.
pub(super) async fn replace(cx: &Context, plan: &LaunchPlan, slot: Slot, survey: &Survey) -> Result<Tried> {
    // nothing is removed for a launch that cannot be
    survey.image.found(cx).await?;
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
