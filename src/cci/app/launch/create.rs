//! Makes the container of a slot: one request, and who has the name when it fails.

use std::time::Duration;

use cci_core::mark::LAUNCH;
use cci_core::plan::{InstanceSpec, LaunchPlan};
use cci_core::slot::Slot;
use cci_core::{Error, Result};
use cci_incus::{Done, Instance, NewInstance, Source};

use super::claim::{Launched, Tried};
use super::facts::Survey;
use super::otherwise::otherwise;
use super::proof::Proof;
use super::reuse::take_over;
use super::start_failure;
use crate::app::context::Context;
use crate::app::incus_error::DuringStep;
use crate::app::take_back;
use crate::app::undo::Made;

/// What is done, as errors name it.
pub(super) const STEP: &str = "create the container";
/// How long Incus may take to unpack an image and start the container.
const CREATE: Duration = Duration::from_secs(180);
/// So often a container is tried whose network or address others take away.
const TRIES: u8 = 4;

/// Makes it, again where its network was removed meanwhile or its rules came late, and with another address where the
/// first one was taken.
pub(super) async fn create(cx: &Context, plan: &LaunchPlan, slot: Slot, survey: &Survey) -> Result<Tried> {
    let mut plan = plan.clone();
    for _ in 1..TRIES {
        plan = match create_once(cx, &plan, slot, survey).await {
            Err(error @ Error::IncusRefused { .. }) => otherwise(cx, plan, slot, error).await?,
            Ok(Tried::Ours(_)) if survey.proof.came_late(cx).await? => plan,
            done => return done,
        }
        .again();
        take_back::remove_instance(&cx.client, &plan.name(slot).to_string(), plan.launch()).await?;
    }
    create_once(cx, &plan, slot, survey).await
}

/// One request makes and starts it; a name conflict means that the slot is another launch's.
async fn create_once(cx: &Context, plan: &LaunchPlan, slot: Slot, survey: &Survey) -> Result<Tried> {
    let spec = plan.instance(slot);
    let name = spec.name.clone();
    let made = Made::Instance { name: name.clone(), launch: plan.launch().to_owned() };
    cx.undo.push(made.clone());
    if cx.undo.another_makes(&name, plan.launch()) {
        cx.undo.forget(&made);
        return Ok(Tried::Lost);
    }
    let Err(error) = made_by(cx, &request(spec, &survey.fingerprint), &survey.proof).await else {
        let (lifetime, plan) = (plan.lifetime, plan.clone());
        return Ok(Tried::ours(Launched { name, slot, lifetime, reused: false, changed: Vec::new(), plan }));
    };
    // the mark is there with the name, long before the container is
    if is_anothers(cx, plan, &name).await {
        cx.undo.forget(&made);
        return Ok(Tried::Lost);
    }
    // else another launch may be just about to have it
    for operation in take_back::pending(&cx.client, &name).await? {
        let _ = operation.wait(STEP, CREATE).await;
    }
    match cx.client.instance(&name).await {
        Ok((found, _)) if found.config.get(LAUNCH).is_some_and(|mark| mark == plan.launch()) => {
            Err(start_failure::explained(cx, &name, error, STEP).await)
        }
        Ok(_) => {
            cx.undo.forget(&made);
            Ok(Tried::Lost)
        }
        Err(_) => Err(error).during(STEP),
    }
}

/// Sends the request that makes an instance, and while Incus is at it asks for what is still to be made sure of.
pub(super) async fn made_by(cx: &Context, new: &NewInstance, proof: &Proof) -> cci_incus::Result<Done> {
    let operation = cx.client.create_instance(new).await?;
    // a proof that fails is asked for again before a command begins
    let (made, _) = tokio::join!(operation.wait(STEP, CREATE), proof.found(cx));
    made
}

/// Whether an instance of this name has the mark of another launch.
async fn is_anothers(cx: &Context, plan: &LaunchPlan, name: &str) -> bool {
    let mark = |(found, _): (Instance, _)| found.config.get(LAUNCH).cloned();
    cx.client.instance(name).await.ok().and_then(mark).is_some_and(|mark| mark != plan.launch())
}

/// The one request that makes an instance and starts it.
pub(crate) fn request(spec: InstanceSpec, fingerprint: &str) -> NewInstance {
    NewInstance {
        config: spec.config,
        devices: spec.devices,
        ephemeral: spec.ephemeral,
        start: true,
        // the fingerprint, so that an alias that moves meanwhile cannot change what was looked at
        ..NewInstance::new(spec.name, Source::fingerprint(fingerprint))
    }
}

/// Removes what a crash left and creates anew; the `ETag` makes this launch the only one that removes it.
pub(super) async fn replace(cx: &Context, plan: &LaunchPlan, slot: Slot, survey: &Survey) -> Result<Tried> {
    let name = plan.name(slot).to_string();
    let taken_over = take_over(cx, &name, |put| {
        put.config.insert(LAUNCH.to_owned(), plan.launch().to_owned());
    });
    if !taken_over.await? {
        return Ok(Tried::Lost);
    }
    take_back::remove_instance(&cx.client, &name, plan.launch()).await?;
    create(cx, plan, slot, survey).await
}
