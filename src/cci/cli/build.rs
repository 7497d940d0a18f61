//! `cci build`: builds the standard image, or a custom one from a script.

use std::path::PathBuf;

use cci_core::build::source::SourceError;
use cci_core::build::steps;
use cci_core::{Error, Result};
use clap::{Args, Subcommand};

use super::image_name::{image_name, short_fingerprint};
use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::{Format, FormatArg, print};
use super::owner::OwnerArg;
use super::verb::{Call, OnIncus, Verb};
use crate::ui::text::Text;
use cci_engine::context::Context;
use cci_engine::image_build::{Ask, Built, Recipe, build};
use cci_host::settings::Trust;

/// The alias of the standard image.
const STANDARD: &str = "cci";

/// Build the image that containers start from
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Sources:\n  auto                 images:debian/13 if the image server answers, else bootstrap:trixie\n  images:ALIAS         an image of the server in `build.image_server` (simplestreams), such as images:debian/12\n  bootstrap:SUITE      Debian (bookworm or newer) from its mirror by mmdebstrap; no image server needed\n  ALIAS                an image that Incus has, by alias or fingerprint\n  PATH                 a tarball of a root file system\n\nExamples:\n  cci build\n  cci build --force --from bootstrap:bookworm\n  cci build custom my-rust --script build-rust.sh"
)]
pub(crate) struct BuildArgs {
    #[command(subcommand)]
    custom: Option<BuildVerb>,
    /// Build it even if it exists
    #[arg(long, short)]
    force: bool,
    /// What to build it from
    #[arg(long, value_name = "SOURCE")]
    from: Option<String>,
    #[arg(long = "tool", value_name = "NAME", help = format!("An agent to install: {} (repeatable)", cci_agent::names("or")))]
    tools: Vec<String>,
    #[command(flatten)]
    owner: OwnerArg,
    #[command(flatten)]
    format: FormatArg,
}

/// The verb for the other kind of image.
#[derive(Debug, Subcommand)]
enum BuildVerb {
    /// Build an image from another one with your own script
    Custom(CustomArgs),
}

/// Build an image from another one with your own script
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cci build custom my-rust --script build-rust.sh\n  cci build custom my-image --base cci --script setup.sh --force"
)]
struct CustomArgs {
    /// The alias of the new image
    name: String,
    /// Your own program, run as root in a container of the base image
    #[arg(long, value_name = "FILE")]
    script: PathBuf,
    /// The image to start from, by alias or fingerprint
    #[arg(long, value_name = "IMAGE", default_value = STANDARD)]
    base: String,
    /// Build it even if it exists
    #[arg(long, short)]
    force: bool,
    #[command(flatten)]
    owner: OwnerArg,
    #[command(flatten)]
    format: FormatArg,
}

impl BuildArgs {
    /// Whose image the form that was used may replace.
    fn owner(&self) -> OwnerArg {
        self.custom.as_ref().map_or(self.owner, |BuildVerb::Custom(custom)| custom.owner)
    }
}

impl Verb for BuildArgs {
    const SCHEMAS: &'static [Described] =
        &[Described::new::<Built>("build", "the image that was built or already existed")];

    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[LaunchFlag::Workspace, LaunchFlag::Config]
    }

    // of the form that was used
    fn format(&self) -> Option<Format> {
        Some(self.custom.as_ref().map_or(self.format, |BuildVerb::Custom(custom)| custom.format).format)
    }
}

impl OnIncus for BuildArgs {
    const ROLLED_BACK: bool = false;

    fn trust(&self) -> Trust {
        Trust::Judged
    }

    fn clears_up(&self) -> bool {
        true
    }

    async fn run(self, call: &Call<'_>, cx: &Context) -> Result<u8> {
        let format = self.format().unwrap_or_default();
        let cx = &self.owner().reach(cx);
        let ask = match self.custom {
            Some(BuildVerb::Custom(custom)) => custom_ask(custom)?,
            None => standard_ask(&self, cx)?,
        };
        let built = build(cx, &ask).await?;
        if built.outdated {
            call.terminal.warn(&format!("image '{}' is not what this version of cci builds", built.alias));
        }
        if built.skipped {
            call.terminal.hint("rebuild it with --force");
        }
        print(format, &built, text)
    }
}

fn text(built: &Built) -> Text {
    if built.skipped {
        return Text::one(format_args!("image '{}' already exists", built.alias));
    }
    Text::one(format_args!("Built image '{}' ({})", built.alias, short_fingerprint(&built.fingerprint)))
}

fn standard_ask(args: &BuildArgs, cx: &Context) -> Result<Ask> {
    let settings = &cx.settings.build;
    let from = args.from.as_ref().unwrap_or(&settings.from).parse().map_err(|error: SourceError| match args.from {
        Some(_) => Error::Usage { problem: error.to_string(), hint: Some(SourceError::FORMS.into()) },
        None => Error::Config { problem: format!("build.from: {error}"), hint: Some(SourceError::FORMS.into()) },
    })?;
    let names = if args.tools.is_empty() { &settings.tools } else { &args.tools };
    let tools = names.iter().map(|name| steps::tool(name)).collect::<Result<_, _>>();
    let tools = tools.map_err(|error| Error::usage(error.to_string()))?;
    Ok(Ask { alias: STANDARD.to_owned(), force: args.force, recipe: Recipe::Standard { from, tools } })
}

fn custom_ask(args: CustomArgs) -> Result<Ask> {
    let recipe = Recipe::Custom { base: args.base, script: args.script };
    Ok(Ask { alias: image_name(&args.name)?, force: args.force, recipe })
}
