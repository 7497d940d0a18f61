//! `cci agent`: the agents that an image has, other versions of them, and versions that stay.

use cci_agent::Agent;
use cci_core::build::agents::{LATEST, Version};
use cci_core::{Error, Result};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};

use super::image_name::short_fingerprint;
use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::{Format, FormatArg, TableFormatArg, print};
use super::owner::OwnerArg;
use super::verb::{Call, OnIncus, Verb};
use crate::ui::table::table;
use crate::ui::text::Text;
use cci_engine::context::Context;
use cci_engine::image_build::agents::{self, ImageAgents, Updated, UpdatedAgent};
use cci_host::settings::Trust;

/// Show, update and pin the agents in an image
#[derive(Debug, Args)]
#[command(
    after_help = format!("The image is the one that sessions start from, or that of --image.\n\nExamples:\n  cci agent list\n  cci agent update\n  cci agent pin {agent} 2.1.300", agent = default())
)]
pub(crate) struct AgentArgs {
    #[command(subcommand)]
    verb: AgentVerb,
}

#[derive(Debug, Subcommand)]
enum AgentVerb {
    /// Show the agents that an image has
    #[command(after_help = "Examples:\n  cci agent list\n  cci agent list --image my-rust --format json")]
    List {
        #[command(flatten)]
        format: TableFormatArg,
    },
    /// Install the newest version of an agent, and leave the rest of the image as it is
    Update(UpdateArgs),
    /// Keep an agent at a version
    Pin(PinArgs),
}

/// Install the newest version of an agent, and leave the rest of the image as it is
#[derive(Debug, Args)]
#[command(
    after_help = format!("The alias moves to a new image at the end; if anything fails, nothing changes. Containers that there are keep what they have. An agent that is pinned gets the version that it is pinned at.\n\nExamples:\n  cci agent update\n  cci agent update {agent} --image my-rust", agent = default())
)]
struct UpdateArgs {
    /// Only this agent
    #[arg(value_parser = names())]
    name: Option<String>,
    #[command(flatten)]
    owner: OwnerArg,
    #[command(flatten)]
    format: FormatArg,
}

/// Keep an agent at a version
#[derive(Debug, Args)]
#[command(
    after_help = format!("The version is installed if the image has another. `cci build --force` and `cci agent update` install it too, until `latest` lifts the pin; that installs nothing by itself.\n\nExamples:\n  cci agent pin {agent} 2.1.300\n  cci agent pin {agent} latest && cci agent update {agent}", agent = default())
)]
struct PinArgs {
    /// The agent
    #[arg(value_parser = names())]
    name: String,
    /// An exact version, or `latest` for none in particular
    version: String,
    #[command(flatten)]
    owner: OwnerArg,
    #[command(flatten)]
    format: FormatArg,
}

/// The agent in the examples.
fn default() -> &'static str {
    cci_agent::default_agent().name()
}

/// The names of the agents that can be installed.
fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(cci_agent::installable().map(Agent::name))
}

impl Verb for AgentArgs {
    const SCHEMAS: &'static [Described] = &[
        Described::new::<ImageAgents>("agent-list", "the agents of an image"),
        Described::new::<Updated>("agent-pin", "what was pinned, and the image that has it"),
        Described::new::<Updated>("agent-update", "what was installed, and the image that has it"),
    ];

    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[LaunchFlag::Workspace, LaunchFlag::Image, LaunchFlag::Profile, LaunchFlag::Config]
    }

    fn format(&self) -> Option<Format> {
        Some(match &self.verb {
            AgentVerb::List { format } => format.format.into(),
            AgentVerb::Update(args) => args.format.format,
            AgentVerb::Pin(args) => args.format.format,
        })
    }
}

impl OnIncus for AgentArgs {
    fn trust(&self) -> Trust {
        Trust::Judged
    }

    fn clears_up(&self) -> bool {
        true
    }

    async fn run(self, _: &Call<'_>, cx: &Context) -> Result<u8> {
        let image = &cx.settings.defaults.image;
        match self.verb {
            AgentVerb::List { format } => print(format.format, &agents::list(cx, image).await?, listed),
            AgentVerb::Update(args) => {
                let only = args.name.as_deref().map(cci_agent::agent);
                print(args.format.format, &agents::update(&args.owner.reach(cx), image, only).await?, updated)
            }
            AgentVerb::Pin(args) => {
                let version = version(&args.version)?;
                let agent = cci_agent::agent(&args.name);
                print(args.format.format, &agents::pin(&args.owner.reach(cx), image, agent, version).await?, updated)
            }
        }
    }
}

fn version(raw: &str) -> Result<Option<Version>> {
    if raw == LATEST {
        return Ok(None);
    }
    raw.parse().map(Some).map_err(|error: cci_core::build::agents::NoVersion| Error::usage(error.to_string()))
}

fn listed(found: &ImageAgents) -> Text {
    if found.agents.is_empty() {
        return Text::one(format_args!("image '{}' has no agent that cci installs", found.image));
    }
    let rows = found.agents.iter().map(|agent| {
        [agent.name.clone(), agent.version.clone(), agent.pinned.clone().unwrap_or_else(|| "-".to_owned())]
    });
    table(["AGENT", "VERSION", "PINNED"], rows)
}

fn updated(done: &Updated) -> Text {
    let line = |agent: &UpdatedAgent| {
        let UpdatedAgent { name, before, version, pinned } = agent;
        let pinned = if pinned.is_some() { ", pinned" } else { "" };
        if before == version {
            format!("{name} {version} is installed{pinned}")
        } else {
            format!("Updated {name} from {before} to {version}{pinned}")
        }
    };
    let lines: Text = done.agents.iter().map(line).collect();
    if !done.new {
        return lines.with(format_args!("image '{}' stays as it is", done.image));
    }
    lines.with(format_args!("image '{}' is now {}", done.image, short_fingerprint(&done.fingerprint)))
}
