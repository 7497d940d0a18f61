//! Takes a slot by creating the container: the create is the claim, and whoever wins the name owns the slot.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cci_core::lifetime::Lifetime;
use cci_core::mark::{LAUNCH, Marks};
use cci_core::plan::{InstanceSpec, LaunchPlan};
use cci_core::slot::{Slot, SlotChoice, SlotState, Taking, candidates};
use cci_core::{Error, Result};
use cci_incus::{Instance, InstancePut, NewInstance, Source, StateChange, Status};

use super::facts::{self, Survey};
use super::start_failure;
use crate::app::context::Context;
use crate::app::incus_error::DuringStep;
use crate::app::leaving::leaving;
use crate::app::network;
use crate::app::owned;
use crate::app::state_volume;
use crate::app::take_back;
use crate::app::undo::Made;

/// How long Incus may take to unpack an image and start the container.
const CREATE: Duration = Duration::from_secs(180);
/// How long a start of what exists may take.
const START: Duration = Duration::from_secs(60);

/// A container that this launch has for itself, running.
#[derive(Debug, Clone)]
pub(crate) struct Launched {
    pub(crate) name: String,
    pub(crate) slot: Slot,
    /// Whether it outlives its stop.
    pub(crate) lifetime: Lifetime,
    /// Whether it existed before and was started again.
    pub(crate) reused: bool,
    /// What of its configuration is not as it was.
    pub(crate) changed: Vec<String>,
    /// The plan as it was carried out: on the host as it turned out to be.
    pub(crate) plan: LaunchPlan,
}

/// What became of one try.
enum Tried {
    /// The slot is this launch's.
    Ours(Box<Launched>),
    /// Another launch was quicker.
    Lost,
}

impl Tried {
    fn ours(launched: Launched) -> Self {
        Self::Ours(Box::new(launched))
    }
}

/// How long slots are tried for that others leave or take at the same moment.
const CONTESTED: Duration = Duration::from_secs(60);

/// Takes the best slot that Incus lets this launch have; where all are taken, one that is just being left.
pub(crate) async fn claim(cx: &Context, plan: &LaunchPlan, choice: SlotChoice, survey: &Survey) -> Result<Launched> {
    make_volume(cx, plan).await?;
    let deadline = Instant::now() + CONTESTED;
    let mut instances = seen(cx, plan, choice, survey).await?;
    loop {
        let open = open(cx, plan, choice, &instances);
        let nothing_open = open.is_empty();
        if let Some(launched) = first_of(cx, plan, open, survey).await? {
            announce(cx, choice, &launched);
            return Ok(launched);
        }
        let left = leaving(&cx.client).await?.wait_for(|name| is_slot(plan, name)).await;
        if (nothing_open && !left) || Instant::now() >= deadline {
            return Err(Error::SlotsExhausted);
        }
        instances = cx.client.instances().await.during("list the containers")?;
    }
}

/// The instances there are; where the slot that is wanted is just being left, those that are there afterwards.
async fn seen(cx: &Context, plan: &LaunchPlan, choice: SlotChoice, survey: &Survey) -> Result<Vec<Instance>> {
    let wanted = match choice {
        SlotChoice::Exactly(slot) | SlotChoice::Preferably(slot) => plan.name(slot).to_string(),
        SlotChoice::Auto => return Ok(survey.instances.clone()),
    };
    let there = survey.instances.iter().any(|instance| instance.name == wanted);
    if there && leaving(&cx.client).await?.wait_for(|name| name == wanted).await {
        return cx.client.instances().await.during("list the containers");
    }
    Ok(survey.instances.clone())
}

fn is_slot(plan: &LaunchPlan, name: &str) -> bool {
    Slot::all().any(|slot| plan.name(slot).to_string() == name)
}

/// The slots that may be had, best first.
fn open(cx: &Context, plan: &LaunchPlan, choice: SlotChoice, instances: &[Instance]) -> Vec<(Slot, Taking)> {
    let by_name: BTreeMap<&str, &Instance> = instances.iter().map(|found| (found.name.as_str(), found)).collect();
    candidates(choice, plan.lifetime, |slot| match by_name.get(plan.name(slot).to_string().as_str()) {
        None => SlotState::Free,
        Some(instance) => slot_state(instance, cx.caller.ids.uid),
    })
}

/// The first of these slots that no other launch takes before.
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
            Taking::Reuse => reuse(cx, plan, slot).await?,
        };
        match tried {
            Tried::Ours(launched) => return Ok(Some(*launched)),
            Tried::Lost => tracing::info!(slot = slot.number(), "slot was taken by another launch, trying the next"),
        }
    }
    Ok(None)
}

/// Says which slot it is, and what is not as the person may expect.
fn announce(cx: &Context, asked: SlotChoice, launched: &Launched) {
    match asked {
        SlotChoice::Exactly(wanted) if wanted == launched.slot => {}
        SlotChoice::Exactly(wanted) => {
            cx.reporter.note(&format!("Slot {wanted} is occupied, using slot {} instead", launched.slot));
        }
        SlotChoice::Auto | SlotChoice::Preferably(_) => {
            cx.reporter.note(&format!("Auto-allocated slot {}", launched.slot));
        }
    }
    if launched.reused {
        cx.reporter.note("Reusing existing container");
    }
    if !launched.changed.is_empty() {
        cx.reporter.note(&format!("Configuration applied: {}", launched.changed.join(", ")));
    }
}

/// What stands in a slot, from this user's side: what is somebody else's, or half made, is as good as running.
fn slot_state(instance: &Instance, uid: u32) -> SlotState {
    let ours = Marks::from_config(&instance.config).is_some_and(|marks| marks.owner_uid == uid);
    let stopped = instance.status_code == Status::Stopped;
    match (ours && stopped, instance.ephemeral) {
        (true, false) => SlotState::StoppedPersistent,
        (true, true) if owned::was_started(instance) => SlotState::Leftover,
        // an ephemeral one that never ran is still being made by the launch that claimed it
        _ => SlotState::Running,
    }
}

/// So often a container is tried whose network or address others take away.
const TRIES: u8 = 4;

/// Makes it, again where its network was removed meanwhile, and with another address where the first one was taken.
async fn create(cx: &Context, plan: &LaunchPlan, slot: Slot, survey: &Survey) -> Result<Tried> {
    let mut plan = plan.clone();
    for _ in 1..TRIES {
        let failed = match create_once(cx, &plan, slot, survey).await {
            Err(error @ Error::IncusRefused { .. }) => error,
            done => return done,
        };
        plan = otherwise(cx, plan, slot, failed).await?;
        take_back::remove_instance(&cx.client, &plan.name(slot).to_string(), plan.launch()).await?;
    }
    create_once(cx, &plan, slot, survey).await
}

/// The plan with which a refused create is worth another try; else the refusal.
async fn otherwise(cx: &Context, plan: LaunchPlan, slot: Slot, refused: Error) -> Result<LaunchPlan> {
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
        Some(other) if address_taken(cx, &plan, slot).await? => Ok(other),
        _ => Err(refused),
    }
}

/// The plan for a daemon that does not reach this home, if that is what was refused; its volume is there.
async fn beyond_home(cx: &Context, plan: &LaunchPlan, refused: &Error) -> Result<Option<LaunchPlan>> {
    let Some(plan) = plan.beyond_home().filter(|_| home_refused(plan, refused)) else { return Ok(None) };
    make_volume(cx, &plan).await?;
    Ok(Some(plan))
}

/// Whether Incus refused what of the caller's home is mounted: it cannot reach it.
pub(super) fn home_refused(plan: &LaunchPlan, refused: &Error) -> bool {
    plan.mounted_of_home().any(|source| says(refused, source))
}

/// Makes the volume of a plan that has its conversation in one.
async fn make_volume(cx: &Context, plan: &LaunchPlan) -> Result<()> {
    match plan.session() {
        Some(session) => state_volume::make(cx, plan, &super::store(cx).dir(session)).await,
        None => Ok(()),
    }
}

/// Whether Incus refused the start because it was not yet done with the create of the same request.
fn is_busy(refused: &Error) -> bool {
    says(refused, "Instance is busy running")
}

fn says(refused: &Error, words: &str) -> bool {
    matches!(refused, Error::IncusRefused { message, .. } if message.contains(words))
}

/// Whether an instance of any project has the address that this plan gives to the slot.
async fn address_taken(cx: &Context, plan: &LaunchPlan, slot: Slot) -> Result<bool> {
    let spec = plan.instance(slot);
    let address = |devices: &BTreeMap<String, BTreeMap<String, String>>| -> Option<String> {
        devices.values().find_map(|device| device.get("ipv4.address").cloned())
    };
    let Some(own) = address(&spec.devices) else { return Ok(false) };
    let all = cx.client.instances_of_all_projects().await.during("list the containers")?;
    let others = all.iter().filter(|other| other.config.get(LAUNCH).is_none_or(|launch| launch != plan.launch()));
    Ok(others.filter_map(|other| address(&other.devices)).any(|address| address == own))
}

/// One request makes and starts it; a name conflict means that the slot is another launch's.
async fn create_once(cx: &Context, plan: &LaunchPlan, slot: Slot, survey: &Survey) -> Result<Tried> {
    let step = "create the container";
    let spec = plan.instance(slot);
    let name = spec.name.clone();
    let made = Made::Instance { name: name.clone(), launch: plan.launch().to_owned() };
    cx.undo.push(made.clone());
    let done = async {
        let operation = cx.client.create_instance(&request(spec, &survey.fingerprint)).await?;
        operation.wait(step, CREATE).await
    };
    let Err(error) = done.await else {
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
        let _ = operation.wait(step, CREATE).await;
    }
    match cx.client.instance(&name).await {
        Ok((found, _)) if found.config.get(LAUNCH).is_some_and(|mark| mark == plan.launch()) => {
            Err(start_failure::explained(cx, &name, error, step).await)
        }
        Ok(_) => {
            cx.undo.forget(&made);
            Ok(Tried::Lost)
        }
        Err(_) => Err(error).during(step),
    }
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
async fn replace(cx: &Context, plan: &LaunchPlan, slot: Slot, survey: &Survey) -> Result<Tried> {
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

/// Starts a stopped persistent container with this launch's configuration, again where the daemon does not reach this
/// home.
async fn reuse(cx: &Context, plan: &LaunchPlan, slot: Slot) -> Result<Tried> {
    let refused = match reuse_once(cx, plan, slot).await {
        Err(error @ Error::IncusRefused { .. }) => error,
        done => return done,
    };
    match beyond_home(cx, plan, &refused).await? {
        Some(plan) => reuse_once(cx, &plan, slot).await,
        None => Err(refused),
    }
}

async fn reuse_once(cx: &Context, plan: &LaunchPlan, slot: Slot) -> Result<Tried> {
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
    if !take_over(cx, &name, apply).await? {
        return Ok(Tried::Lost);
    }
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
async fn take_over(cx: &Context, name: &str, change: impl FnOnce(&mut InstancePut)) -> Result<bool> {
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
