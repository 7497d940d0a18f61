//! The use-case: from the request to an alias that points to the new image.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cci_agent::Agent;
use cci_core::build::agents::{Agents, Version};
use cci_core::build::files::{self, GuestFile};
use cci_core::build::recipe;
use cci_core::build::source::ImageSource;
use cci_core::build::steps::{self, Step};
use cci_core::mark::LAUNCH;
use cci_core::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;

use super::base::{self, Base};
use super::certificates;
use super::container::{self, BuildContainer};
use super::log::Log;
use super::look;
use super::publish::{self, Properties};
use super::steps::timed;
use crate::context::Context;
use crate::event::{Amount, BuildEvent, BuildStep};
use crate::image::refuse_anothers;
use crate::incus_error::DuringStep;
use crate::launch::{GVISOR_PROPERTY, launch_mark};
use crate::ledger;
use crate::roll_back;
use crate::room;
use crate::site::host_path;

/// What to build.
pub struct Ask {
    /// The alias of the image.
    pub alias: String,
    /// Whether an image of that alias is replaced.
    pub force: bool,
    /// The source and the steps.
    pub recipe: Recipe,
}

/// The two kinds of images.
pub enum Recipe {
    /// cci's own, from a plain system.
    Standard {
        /// What it is built on.
        from: ImageSource,
        /// What else is installed.
        tools: Vec<&'static dyn Agent>,
    },
    /// Another image and the user's own script.
    Custom {
        /// The image it is built on.
        base: String,
        /// The script on the host that root runs in it.
        script: PathBuf,
    },
}

/// The outcome of a build.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Built {
    /// The name of the image.
    pub alias: String,
    /// SHA-256 of its files, as hex.
    pub fingerprint: String,
    /// Whether the image already existed and nothing was done.
    pub skipped: bool,
    /// Whether the standard image that already existed was built by another version of cci's recipe, or by none.
    pub outdated: bool,
}

/// What is done in the container, and how the result is described and tested.
pub(super) struct Work {
    pub(super) files: Vec<GuestFile>,
    pub(super) steps: Vec<Step>,
    /// What is noted on the image, beside its agents.
    pub(super) properties: Properties,
    /// The agents that it is begun with, and their pins.
    pub(super) agents: Agents,
    /// Whether nothing is published if the steps leave the agents at the versions that they have.
    pub(super) only_if_other: bool,
    /// The test that a container of the result must pass.
    pub(super) trial: Option<Step>,
}

/// A new image, and the agents that it has.
pub(super) struct Made {
    pub(super) fingerprint: String,
    pub(super) agents: Agents,
}

/// Builds the image, unless it exists and may stay.
pub async fn build(cx: &Context, ask: &Ask) -> Result<Built> {
    let there =
        roll_back::on_failure(cx, async { cx.client.alias(&ask.alias).await.during("look for the image") }).await?;
    let mut pinned = Agents::default();
    if let Some(there) = there {
        if !ask.force {
            let outdated = roll_back::on_failure(cx, is_outdated(cx, ask, &there.target)).await?;
            return Ok(Built { alias: ask.alias.clone(), fingerprint: there.target, skipped: true, outdated });
        }
        pinned.pins = roll_back::on_failure(cx, pins(cx, &there.target)).await?;
    }
    let work = roll_back::on_failure(cx, work(cx, ask, pinned)).await?;
    let log = Log::create(cx).await?;
    cx.emit(BuildEvent::Log(log.path().to_owned()));
    let base = match &ask.recipe {
        // it handles an interrupt itself, because a host program has to be stopped
        Recipe::Standard { from, .. } => base::find(cx, from, &log).await?,
        Recipe::Custom { base, .. } => roll_back::on_failure(cx, base::local(cx, base)).await?,
    };
    let made = roll_back::on_failure(cx, make(cx, &ask.alias, &work, base, &log)).await?;
    let nothing = || Error::Internal("a build has made no image".into());
    let fingerprint = made.ok_or_else(nothing)?.fingerprint;
    Ok(Built { alias: ask.alias.clone(), fingerprint, skipped: false, outdated: false })
}

/// The versions at which the agents of the image that is replaced are pinned; one that was removed has none.
async fn pins(cx: &Context, fingerprint: &str) -> Result<BTreeMap<String, Version>> {
    match cx.client.image(fingerprint).await {
        Ok(image) => {
            refuse_anothers(cx, &image).await?;
            Ok(Agents::of(&image.properties).pins)
        }
        Err(error) if error.is_not_found() => Ok(BTreeMap::new()),
        Err(error) => Err(error).during("look for the image"),
    }
}

/// Whether an image is not what this version builds; a custom image is its owner's own, and has no version.
async fn is_outdated(cx: &Context, ask: &Ask, fingerprint: &str) -> Result<bool> {
    if matches!(ask.recipe, Recipe::Custom { .. }) {
        return Ok(false);
    }
    match cx.client.image(fingerprint).await {
        Ok(image) => Ok(image.properties.get(recipe::RECIPE) != Some(&recipe::version())),
        // it was removed just now
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error).during("look for the image"),
    }
}

/// Checks everything that can be known to be wrong before anything is created.
async fn work(cx: &Context, ask: &Ask, agents: Agents) -> Result<Work> {
    match &ask.recipe {
        Recipe::Standard { tools, .. } => {
            let certificates = certificates::of_the_host(&cx.settings.build).await?;
            let uid = cx.settings.incus.agent_uid;
            let steps = steps::standard(&cx.settings.build, tools, &agents, uid, !certificates.is_empty());
            let files = files::standard().into_iter().chain(certificates).collect();
            Ok(Work {
                files,
                steps,
                properties: vec![(DESCRIPTION.into(), description(tools)), (recipe::RECIPE.into(), recipe::version())],
                agents,
                only_if_other: false,
                trial: Some(steps::trial()),
            })
        }
        Recipe::Custom { base, script } => {
            let script = files::custom(read(&host_path::followed(cx, "read", script).await?).await?);
            let description = format!("{}, built from {base} by cci build custom", ask.alias);
            Ok(Work {
                steps: steps::custom(&script.path),
                files: vec![script],
                properties: vec![(DESCRIPTION.into(), description)],
                agents,
                only_if_other: false,
                trial: None,
            })
        }
    }
}

/// The property that Incus shows in its lists.
const DESCRIPTION: &str = "description";

/// The description of the standard image in Incus's lists.
fn description(tools: &[&dyn Agent]) -> String {
    let titles: Vec<&str> = tools.iter().map(|agent| agent.title()).collect();
    format!("cci: {} in a container", if titles.is_empty() { "no agent".into() } else { titles.join(", ") })
}

async fn read(script: &Path) -> Result<Vec<u8>> {
    tokio::fs::read(script).await.map_err(|source| Error::Host { step: "read", path: script.to_owned(), source })
}

/// Everything this creates has one launch label, by which all of it is found again for a rollback. `None` if there is
/// nothing to publish.
pub(super) async fn make(cx: &Context, alias: &str, work: &Work, base: Base, log: &Log) -> Result<Option<Made>> {
    let mark = launch_mark();
    cx.scope.ledger.push(ledger::Made::Images { launch: mark.clone(), alias: alias.to_owned() });
    let step = BuildStep::StartFrom { base: base.to_string() };
    let container = timed(cx, log, &step, BuildContainer::start(cx, base, &mark)).await?;
    let made = match carry_out(cx, work, &container, &mark, log).await {
        Ok(made) => made,
        Err(error) => return Err(room::explained(cx, &container.name, error).await),
    };
    container.remove(cx).await?;
    let Some(made) = made else { return Ok(None) };
    container::try_out(cx, &made.fingerprint, &mark, work.trial.as_ref(), log).await?;
    publish::name_by_date(cx, alias, &made.fingerprint).await?;
    publish::move_alias(cx, alias, &made.fingerprint).await?;
    Ok(Some(made))
}

/// Runs the steps, and publishes what they left as an image.
async fn carry_out(
    cx: &Context,
    work: &Work,
    container: &BuildContainer,
    mark: &str,
    log: &Log,
) -> Result<Option<Made>> {
    container.put(cx, &work.files).await?;
    let total = work.steps.len() as u64;
    let mut agents = work.agents.clone();
    for (step, done) in work.steps.iter().zip(1..) {
        let last = super::steps::run(cx, &container.name, step, Amount::Steps { done, total }, log).await?;
        if let Some(agent) = step.installs {
            note(&mut agents, agent, last.back().and_then(|line| Version::printed(line)), log)?;
        }
    }
    if work.only_if_other && agents == work.agents {
        return Ok(None);
    }
    let has_gvisor = look::has_gvisor(cx, &container.name).await?;
    container.stop(cx).await?;
    let mut properties = work.properties.clone();
    properties.push((LAUNCH.into(), mark.to_owned()));
    properties.extend(agents.properties());
    properties.extend(has_gvisor.then(|| (GVISOR_PROPERTY.into(), "runsc".to_owned())));
    let fingerprint = publish::publish(cx, &container.name, properties, log).await?;
    Ok(Some(Made { fingerprint, agents }))
}

/// Notes the version of an agent that was installed: of a pinned one it is the one that was asked for.
fn note(agents: &mut Agents, agent: &str, version: Option<Version>, log: &Log) -> Result<()> {
    match (agents.pins.get(agent), version) {
        (Some(pin), version) if version.as_ref() != Some(pin) => {
            let found = version.map_or_else(|| "no version".to_owned(), |version| version.to_string());
            Err(Error::StepFailed {
                step: format!("installation of {agent} {pin}"),
                problem: format!("the program that was installed says that it is {found}"),
                hint: Some(log.hint()),
            })
        }
        (_, Some(version)) => {
            agents.versions.insert(agent.to_owned(), version);
            Ok(())
        }
        (_, None) => {
            agents.versions.remove(agent);
            Ok(())
        }
    }
}
