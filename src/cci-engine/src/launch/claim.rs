//! Claims a slot by creating the container: whoever gets the name owns the slot.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cci_core::lifetime::Lifetime;
use cci_core::mark::Marks;
use cci_core::plan::LaunchPlan;
use cci_core::slot::{Slot, SlotChoice, SlotState, Taking, candidates};
use cci_core::{Error, Result};
use cci_incus::{Instance, Status};

use super::create::{create, replace};
use super::facts::Survey;
use super::image::as_made;
use super::launched::{Launched, Tried};
use super::reuse::reuse;
use crate::context::Context;
use crate::event::LaunchEvent;
use crate::incus_error::DuringStep;
use crate::instance::ending::ending;
use crate::instance::ownership;
use crate::session::state_volume;

/// How long to try slots that others leave or take at the same moment.
const CONTESTED: Duration = Duration::from_secs(60);

/// Claims the best slot that Incus lets this launch have; if all are in use, one that is just being left.
#[tracing::instrument(name = "launch", skip_all)]
pub async fn claim(cx: &Context, plan: &LaunchPlan, choice: SlotChoice, survey: &Survey) -> Result<Launched> {
    state_volume::make(cx, plan).await?;
    let deadline = Instant::now() + CONTESTED;
    let mut instances = seen(cx, plan, choice, survey).await?;
    loop {
        let mut open = open(cx, plan, choice, &instances);
        // what is in a kept container is not what this launch wants
        open.retain(|(_, taking)| survey.root.is_none() || *taking != Taking::Reuse);
        let nothing_open = open.is_empty();
        if let Some(launched) = first_of(cx, plan, open, survey).await? {
            survey.policy_check.holds_for(cx, &launched.plan).await?;
            announce(cx, choice, &launched);
            return Ok(launched);
        }
        let left = ending(&cx.client).await?.wait_for(|name| is_slot(plan, name)).await;
        if (nothing_open && !left) || Instant::now() >= deadline {
            return Err(Error::SlotsExhausted);
        }
        instances = cx.client.instances().await.during("list the containers")?;
    }
}

/// What a launch gets unless another is quicker, or the host differs from what it seems.
pub(crate) fn likely(cx: &Context, plan: &LaunchPlan, choice: SlotChoice, survey: &Survey) -> Option<Launched> {
    let (slot, taking) = open(cx, plan, choice, &survey.instances).into_iter().next()?;
    let (name, reused) = (plan.name(slot).to_string(), taking == Taking::Reuse);
    let there = survey.instances.iter().find(|instance| reused && instance.name == name);
    let made = there.or(survey.root.as_ref().map(|root| &root.instance));
    let plan = made.map_or_else(|| plan.clone(), |made| as_made(plan, &made.config));
    let lifetime = if reused { Lifetime::Persistent } else { plan.lifetime };
    Some(Launched { name, slot, lifetime, reused, changed: Vec::new(), plan })
}

/// The existing instances; if the wanted slot is just being left, those that exist afterwards.
async fn seen(cx: &Context, plan: &LaunchPlan, choice: SlotChoice, survey: &Survey) -> Result<Vec<Instance>> {
    let wanted = match choice {
        SlotChoice::Exactly(slot) | SlotChoice::Preferably(slot) => plan.name(slot).to_string(),
        SlotChoice::Auto => return Ok(survey.instances.clone()),
    };
    let there = survey.instances.iter().any(|instance| instance.name == wanted);
    if there && ending(&cx.client).await?.wait_for(|name| name == wanted).await {
        return cx.client.instances().await.during("list the containers");
    }
    Ok(survey.instances.clone())
}

fn is_slot(plan: &LaunchPlan, name: &str) -> bool {
    Slot::all().any(|slot| plan.name(slot).to_string() == name)
}

/// The available slots, best first.
fn open(cx: &Context, plan: &LaunchPlan, choice: SlotChoice, instances: &[Instance]) -> Vec<(Slot, Taking)> {
    let by_name: BTreeMap<&str, &Instance> = instances.iter().map(|found| (found.name.as_str(), found)).collect();
    candidates(choice, plan.lifetime, |slot| match by_name.get(plan.name(slot).to_string().as_str()) {
        None => SlotState::Free,
        Some(instance) => slot_state(instance, cx.caller.ids.uid),
    })
}

/// The first of these slots that no other launch takes first.
async fn first_of(
    cx: &Context,
    plan: &LaunchPlan,
    open: Vec<(Slot, Taking)>,
    survey: &Survey,
) -> Result<Option<Launched>> {
    for (slot, taking) in open {
        let tried = match taking {
            Taking::Create => create(cx, plan, slot, survey).await?,
            Taking::Replace => replace(cx, plan, slot, survey).await?,
            Taking::Reuse => reuse(cx, plan, slot, survey).await?,
        };
        match tried {
            Tried::Ours(launched) => return Ok(Some(*launched)),
            Tried::Lost => tracing::info!(slot = slot.number(), "slot was taken by another launch, trying the next"),
        }
    }
    Ok(None)
}

/// Reports which slot it is, and what differs from what the user may expect.
fn announce(cx: &Context, asked: SlotChoice, launched: &Launched) {
    match asked {
        SlotChoice::Exactly(wanted) if wanted == launched.slot => {}
        SlotChoice::Exactly(wanted) => cx.emit(LaunchEvent::SlotOccupied { wanted, got: launched.slot }),
        SlotChoice::Auto | SlotChoice::Preferably(_) => cx.emit(LaunchEvent::SlotAllocated(launched.slot)),
    }
    if launched.reused {
        cx.emit(LaunchEvent::ReusingContainer);
    }
    let (image, asked) = (launched.plan.image(), &cx.settings.defaults.image);
    if image != asked {
        cx.emit(LaunchEvent::OtherImage {
            container: launched.name.clone(),
            image: image.to_owned(),
            asked: asked.clone(),
        });
    }
    if !launched.changed.is_empty() {
        cx.emit(LaunchEvent::ConfigurationApplied { changed: launched.changed.clone() });
    }
}

/// The state of a slot for this user: another user's container, or an unfinished one, counts as running.
fn slot_state(instance: &Instance, uid: u32) -> SlotState {
    let ours = Marks::from_config(&instance.config).is_some_and(|marks| marks.owner_uid == uid);
    let stopped = instance.status_code == Status::Stopped;
    match (ours && stopped, instance.ephemeral) {
        (true, false) => SlotState::StoppedPersistent,
        (true, true) if ownership::was_started(instance) => SlotState::Leftover,
        // an ephemeral one that never ran is still being created by the launch that claimed it
        _ => SlotState::Running,
    }
}
