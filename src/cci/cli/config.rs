//! `cci config`: what is configured, where it comes from, and which project files are trusted.

pub(crate) mod check;
pub(super) mod toml_text;
pub(crate) mod trust;
mod waiting;

use std::path::PathBuf;
use std::sync::Arc;

use cci_core::{Error, Result};
use cci_guest::GuestText;
use clap::{Args, Subcommand, ValueEnum};
use schemars::JsonSchema;
use serde::Serialize;

use self::trust::TrustArgs;
use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::{Format, FormatArg, print};
use super::verb::{Call, Offline, Verb};
use crate::ui::json;
use crate::ui::terminal::Terminal;
use crate::ui::text::Text;
use cci_engine::configuration::config::{self, Configured};
use cci_host::settings::{self, Entry, Trust};
use cci_host::terminal;

/// Show, check and write the configuration
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cci config show --origin     every value, and the file and line it comes from\n  cci config init              a commented file to start from\n  cci config trust             see what this workspace's .cci.toml asks for, and approve it"
)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    verb: ConfigVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Print the merged configuration
    #[command(
        after_help = "It can be read back as a file. In a path `~/` is your home, `$NAME` or `${NAME}` is a variable, and `$$` is one `$`.\n\nExamples:\n  cci config show\n  cci config show --origin | grep network"
    )]
    Show(ShowArgs),
    /// Report errors in the files, and what needs approval
    #[command(
        after_help = "Examples:\n  cci config check\n  cci config check --format json\n  cci config check --config team.toml"
    )]
    Check(FormatArg),
    /// Write a commented file to start from
    #[command(after_help = "Examples:\n  cci config init\n  cci config init --project")]
    Init(InitArgs),
    /// Open the file in your editor, and check it afterwards
    #[command(after_help = "Examples:\n  cci config edit\n  EDITOR=nano cci config edit --project")]
    Edit(ProjectArgs),
    /// Print where the files are
    #[command(after_help = "Examples:\n  cci config path")]
    Path(FormatArg),
    /// Print the JSON Schema, or the table of keys
    #[command(after_help = "Examples:\n  cci config schema > cci.schema.json\n  cci config schema --format markdown")]
    Schema(SchemaArgs),
    /// Show what the project file asks for, and approve exactly that
    #[command(
        after_help = "Examples:\n  cci config trust             show it all, and ask\n  cci config trust --show      show it all, with the hash\n  cci config trust --hash H    approve what has this hash, without a question\n  cci config trust --list\n  cci config trust --revoke\n\nAn approval covers the file, the profiles next to it, and every file that its commands name, as they are now: any change asks again. Such a command runs in your home and may name nothing in the workspace."
    )]
    Trust(TrustArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Show where each value comes from
    #[arg(long)]
    origin: bool,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Debug, Args)]
pub(crate) struct ProjectArgs {
    /// Use the workspace's .cci.toml instead of your own file
    #[arg(long)]
    project: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    #[command(flatten)]
    which: ProjectArgs,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "json")]
    format: SchemaFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SchemaFormat {
    Json,
    Markdown,
}

/// Where one layer of the configuration is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Place {
    /// system, user, project or extra.
    name: &'static str,
    exists: bool,
    path: PathBuf,
}

impl Verb for ConfigArgs {
    const SCHEMAS: &'static [Described] = &[
        Described::new::<check::Checked>("config-check", "the files that were read, and what needs approval"),
        Described::new::<Vec<Place>>("config-path", "where the configuration is"),
        Described { name: "config-show", what: "the merged configuration", schema: settings::json_schema },
        Described::new::<Vec<Entry>>("config-show-origin", "each value and where it comes from"),
        Described::new::<trust::Asked>("config-trust", "what a project file asks for"),
        Described::new::<Vec<trust::Approved>>("config-trust-list", "approved project files"),
    ];

    // they show what a launch would use
    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        LaunchFlag::SETTINGS
    }

    fn format(&self) -> Option<Format> {
        match &self.verb {
            ConfigVerb::Show(args) => Some(args.format.format),
            ConfigVerb::Check(args) | ConfigVerb::Path(args) => Some(args.format),
            ConfigVerb::Trust(args) => Some(args.format()),
            ConfigVerb::Init(_) | ConfigVerb::Edit(_) | ConfigVerb::Schema(_) => None,
        }
    }
}

impl Offline for ConfigArgs {
    async fn run(self, call: &Call<'_>) -> Result<u8> {
        let cx = call.flags.launch.configured()?;
        match self.verb {
            ConfigVerb::Show(args) => show(&args, &cx),
            ConfigVerb::Check(args) => check::run(args, &cx, call.terminal),
            ConfigVerb::Path(args) => path(args, &cx),
            ConfigVerb::Init(args) => {
                let path = cx.init(args.which.project, args.force)?;
                Terminal::result(&Text::one(GuestText::new(path))).map(|()| 0)
            }
            ConfigVerb::Edit(args) => edit(&args, &cx, call.terminal).await,
            ConfigVerb::Schema(args) => Terminal::result(&match args.format {
                SchemaFormat::Json => json::pretty(&settings::json_schema())?,
                SchemaFormat::Markdown => Text::block(settings::key_table()),
            })
            .map(|()| 0),
            ConfigVerb::Trust(args) => trust::run(&args, &cx, call.terminal).await,
        }
    }
}

fn show(args: &ShowArgs, cx: &Configured) -> Result<u8> {
    let stack = cx.read(Trust::Judged)?;
    match (args.format.format, args.origin) {
        (Format::Json, false) => print(Format::Json, &settings::as_json(&stack)?, |all| Text::one(all)),
        (format, origin) => print(format, &settings::entries(&stack)?, |entries| toml_text::as_toml(entries, origin)),
    }
}

fn path(args: FormatArg, cx: &Configured) -> Result<u8> {
    let places = cx.places();
    let extra = places.extra.map(|extra| ("extra", extra));
    let all = [("system", places.system), ("user", places.user), ("project", places.project)].into_iter().chain(extra);
    let all: Vec<Place> = all.map(|(name, path)| Place { name, exists: path.exists(), path }).collect();
    print(args.format, &all, |all| {
        let line = |place: &Place| {
            let note = if place.exists { "" } else { " (missing)" };
            format!("{}: {}{note}", place.name, GuestText::new(&place.path))
        };
        all.iter().map(line).collect()
    })
}

async fn edit(args: &ProjectArgs, cx: &Configured, reporter: &Arc<Terminal>) -> Result<u8> {
    if !terminal::is_interactive() {
        return Err(Error::NoTerminal { verb: "config edit" });
    }
    let path = config::edit(cx, args.project).await?;
    let stack = cx.read(Trust::Judged)?;
    Configured::check_profiles(&stack)?;
    reporter.note(&format!("{}: ok", GuestText::new(&path)));
    Ok(0)
}
