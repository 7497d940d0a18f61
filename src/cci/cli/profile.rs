//! `cci profile`: the named sets of settings.

use std::sync::Arc;

use cci_core::{Error, Result};
use cci_guest::GuestText;
use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCandidates;

use super::args::GlobalArgs;
use super::complete;
use super::output::{Format, FormatArg, print};
use super::start::overrides;
use crate::ui::terminal::Terminal;
use crate::ui::text::Text;
use cci_engine::configuration::config::Configured;
use cci_engine::configuration::profile;

/// See and make named sets of settings
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cci profile list\n  cci profile show hardened\n  cci shell --profile hardened")]
pub(crate) struct ProfileArgs {
    #[command(subcommand)]
    pub(crate) verb: ProfileVerb,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum ProfileVerb {
    /// Print the profiles
    #[command(after_help = "Examples:\n  cci profile list\n  cci profile list --format=json | jq -r '.[].name'")]
    List(FormatArg),
    /// Print what a profile sets
    #[command(
        after_help = "Examples:\n  cci profile show hardened\n  cci profile show rust --script > rust.sh && cci build custom cci-rust --script rust.sh"
    )]
    Show(ShowArgs),
    /// Write a profile of your own
    #[command(after_help = "Examples:\n  cci profile create mine --inherits hardened")]
    Create(CreateArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The profile
    #[arg(add = ArgValueCandidates::new(complete::profiles))]
    name: String,
    /// The script that makes its image, for `cci build custom`
    #[arg(long)]
    script: bool,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// What it is called: lowercase letters, digits, `-` and `_`
    name: String,
    /// The profile that it stands on
    #[arg(long, value_name = "NAME", default_value = "default", add = ArgValueCandidates::new(complete::profiles))]
    inherits: String,
    /// Replace the file that is there
    #[arg(long)]
    force: bool,
}

impl ProfileVerb {
    /// The output format asked for, if the verb has one.
    pub(crate) fn format(&self) -> Option<Format> {
        match self {
            Self::List(args) => Some(args.format),
            Self::Show(args) => Some(args.format.format),
            Self::Create(_) => None,
        }
    }
}

pub(crate) fn run(args: &ProfileArgs, global: &GlobalArgs, terminal: &Arc<Terminal>) -> Result<u8> {
    let cx = Configured::new(&global.workspace, global.config.as_deref(), overrides(global))?;
    match &args.verb {
        ProfileVerb::List(args) => list(*args, &cx),
        ProfileVerb::Show(args) => show(args, &cx),
        ProfileVerb::Create(args) => {
            let path = profile::create(&cx, &args.name, &args.inherits, args.force)?;
            terminal.note(&format!("Profile {} is in {}", args.name, GuestText::new(path)));
            Ok(0)
        }
    }
}

fn list(args: FormatArg, cx: &Configured) -> Result<u8> {
    let all = profile::all(cx)?;
    print(args.format, &all, |all| {
        let width = all.iter().map(|one| one.name.len()).max().unwrap_or(0);
        let mut out = Text::one("Profiles:");
        for one in all {
            out.line(format_args!("  {:width$}  {} ({})", one.name, one.description, one.origin));
        }
        out
    })
}

fn show(args: &ShowArgs, cx: &Configured) -> Result<u8> {
    if args.script {
        let script = profile::script(&args.name).ok_or_else(|| Error::Config {
            problem: format!("profile '{}' has no build script", args.name),
            hint: Some("those with one: node, python, rust".into()),
        })?;
        return Terminal::result(&Text::block(script)).map(|()| 0);
    }
    let entries = profile::entries(cx, &args.name)?;
    print(args.format.format, &entries, |entries| super::config::toml_text::as_toml(entries, true))
}
