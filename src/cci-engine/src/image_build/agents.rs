//! `cci agent`: which agents an image has, another version of one without rebuilding the rest, and a version that stays.

use cci_agent::{Agent, installable};
use cci_core::build::agents::{self, Agents, Version};
use cci_core::build::{recipe, steps};
use cci_core::mark::{LAUNCH, OWNER};
use cci_core::{Error, Result};
use cci_incus::{Image, Properties};
use schemars::JsonSchema;
use serde::Serialize;

use super::base::Base;
use super::image::{Work, make};
use super::log::Log;
use super::look;
use crate::context::Context;
use crate::event::BuildEvent;
use crate::image::refuse_anothers;
use crate::incus_error::DuringStep;

/// The agents of an image.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ImageAgents {
    /// The image as it was asked for.
    pub image: String,
    /// SHA-256 of its files, as hex.
    pub fingerprint: String,
    /// Those that it has.
    pub agents: Vec<ImageAgent>,
}

/// An agent of an image.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ImageAgent {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The version that it is pinned at.
    pub pinned: Option<String>,
}

/// What an update or a pin has made of an image.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Updated {
    /// The image as it was asked for.
    pub image: String,
    /// SHA-256 of the files of the image that has the name now, as hex.
    pub fingerprint: String,
    /// Whether it is a new image.
    pub new: bool,
    /// The agents that it was about.
    pub agents: Vec<UpdatedAgent>,
}

/// What became of an agent.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UpdatedAgent {
    /// Its name.
    pub name: String,
    /// The version that the image had.
    pub before: String,
    /// The version that it has.
    pub version: String,
    /// The version that it is pinned at.
    pub pinned: Option<String>,
}

/// The agents that the image of this name has.
pub async fn list(cx: &Context, name: &str) -> Result<ImageAgents> {
    let image = image(cx, name).await?;
    let noted = of_image(cx, name, &image).await?;
    let agent = |(name, version): (&String, &Version)| ImageAgent {
        name: name.clone(),
        version: version.to_string(),
        pinned: noted.pins.get(name).map(Version::to_string),
    };
    let agents = noted.versions.iter().map(agent).collect();
    Ok(ImageAgents { image: name.to_owned(), fingerprint: image.fingerprint, agents })
}

/// Installs the newest versions of these agents, or of all that the image has; those that are pinned get the pinned one.
pub async fn update(cx: &Context, name: &str, only: Option<&dyn Agent>) -> Result<Updated> {
    let image = own_image(cx, name).await?;
    let noted = of_image(cx, name, &image).await?;
    let tools = match only {
        Some(agent) => vec![present(name, &noted, agent)?],
        None => installable().filter(|agent| noted.versions.contains_key(agent.name())).collect(),
    };
    carry_out(cx, name, &image, &tools, noted).await
}

/// Keeps an agent at a version, which is installed if the image has another; `None` lets it go.
pub async fn pin(cx: &Context, name: &str, agent: &dyn Agent, version: Option<Version>) -> Result<Updated> {
    let image = own_image(cx, name).await?;
    let before = of_image(cx, name, &image).await?;
    let agent = present(name, &before, agent)?;
    let mut noted = before.clone();
    let is_there = version.as_ref().is_none_or(|version| noted.versions.get(agent.name()) == Some(version));
    match &version {
        Some(version) => noted.pins.insert(agent.name().to_owned(), version.clone()),
        None => noted.pins.remove(agent.name()),
    };
    if !is_there {
        return carry_out(cx, name, &image, &[agent], noted).await;
    }
    if noted.pins != before.pins {
        let property = Properties::from([agents::pin(agent.name(), version.as_ref())]);
        cx.client.set_image_properties(&image.fingerprint, &property).await.during("note the version on the image")?;
    }
    Ok(updated(name, image.fingerprint, false, &[agent], (&noted, &noted)))
}

async fn image(cx: &Context, name: &str) -> Result<Image> {
    let found = cx.client.image_by(name).await.during("look for the image")?;
    found.ok_or_else(|| Error::ImageNotFound { image: name.to_owned() })
}

/// The image, if the caller may give its name to another: a fingerprint is of this one alone.
async fn own_image(cx: &Context, name: &str) -> Result<Image> {
    let image = image(cx, name).await?;
    if !image.aliases.iter().any(|alias| alias.name == name) {
        return Err(Error::Usage {
            problem: format!("'{name}' is the fingerprint of an image"),
            hint: Some("say its alias, which the new image gets".into()),
        });
    }
    refuse_anothers(cx, &image).await?;
    Ok(image)
}

/// As the image notes it; one of an earlier release, or of the user's own, is looked into.
async fn of_image(cx: &Context, name: &str, image: &Image) -> Result<Agents> {
    let mut noted = Agents::of(&image.properties);
    if noted.versions.is_empty() {
        noted.versions = look::versions(cx, name, &image.fingerprint).await?;
    }
    Ok(noted)
}

/// The agent, if the image has it.
fn present(image: &str, noted: &Agents, agent: &dyn Agent) -> Result<&'static dyn Agent> {
    let known = installable().find(|known| known.name() == agent.name());
    known.filter(|known| noted.versions.contains_key(known.name())).ok_or_else(|| Error::Usage {
        problem: format!("image '{image}' does not have {}", agent.name()),
        hint: Some(format!("`cci build --force --tool {}` builds the standard image with it", agent.name())),
    })
}

/// Installs what is not pinned at what there is, and gives the image's name to the result; without another version
/// nothing changes.
async fn carry_out(
    cx: &Context,
    name: &str,
    image: &Image,
    tools: &[&'static dyn Agent],
    noted: Agents,
) -> Result<Updated> {
    let due: Vec<&dyn Agent> = tools.iter().copied().filter(|agent| !noted.is_as_pinned(agent.name())).collect();
    if due.is_empty() {
        return Ok(updated(name, image.fingerprint.clone(), false, tools, (&noted, &noted)));
    }
    let log = Log::create(cx).await?;
    cx.emit(BuildEvent::Log(log.path().to_owned()));
    let is_kept = |key: &str| ![LAUNCH, OWNER].contains(&key) && !agents::is_of_agents(key);
    let is_standard = image.properties.contains_key(recipe::RECIPE);
    let work = Work {
        files: Vec::new(),
        steps: steps::update(&cx.settings.build, &due, &noted),
        properties: image.properties.clone().into_iter().filter(|(key, _)| is_kept(key)).collect(),
        agents: noted.clone(),
        only_if_other: true,
        trial: is_standard.then(steps::trial),
    };
    let base = Base::Local { name: name.to_owned(), fingerprint: image.fingerprint.clone() };
    Ok(match make(cx, name, &work, base, &log).await? {
        Some(made) => updated(name, made.fingerprint, true, tools, (&noted, &made.agents)),
        None => updated(name, image.fingerprint.clone(), false, tools, (&noted, &noted)),
    })
}

fn updated(
    image: &str,
    fingerprint: String,
    new: bool,
    tools: &[&'static dyn Agent],
    (before, after): (&Agents, &Agents),
) -> Updated {
    let shown = |agents: &Agents, name: &str| agents.versions.get(name).map(Version::to_string).unwrap_or_default();
    let agent = |agent: &&dyn Agent| UpdatedAgent {
        name: agent.name().to_owned(),
        before: shown(before, agent.name()),
        version: shown(after, agent.name()),
        pinned: after.pins.get(agent.name()).map(Version::to_string),
    };
    Updated { image: image.to_owned(), fingerprint, new, agents: tools.iter().map(agent).collect() }
}
