//! `cci profile`: the named sets of settings.

use std::fmt::Write;
use std::sync::Arc;

use cci_core::{Error, Result};
use clap::{Args, Subcommand};
use serde_json::json;

use super::args::{Format, GlobalArgs};
use super::start::overrides;
use crate::app::config::Configured;
use crate::app::profile;
use crate::app::reporter::Reporter;
use crate::ui::terminal::Terminal;

/// See and make named sets of settings
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cci profile list\n  cci profile show hardened\n  cci shell --profile hardened")]
pub(crate) struct ProfileArgs {
    #[command(subcommand)]
    pub(crate) verb: ProfileVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProfileVerb {
    /// Print the profiles
    List(ListArgs),
    /// Print what a profile sets
    Show(ShowArgs),
    /// Write a profile of your own
    Create(CreateArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The profile
    name: String,
    /// The script that makes its image, for `cci build custom`
    #[arg(long)]
    script: bool,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// What it is called: lowercase letters, digits, `-` and `_`
    name: String,
    /// The profile that it stands on
    #[arg(long, value_name = "NAME", default_value = "default")]
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
            Self::Show(args) => Some(args.format),
            Self::Create(_) => None,
        }
    }
}

pub(crate) fn run(args: &ProfileArgs, global: &GlobalArgs, terminal: &Arc<Terminal>) -> Result<u8> {
    let cx = Configured::new(&global.workspace, global.config.as_deref(), overrides(global))?;
    match &args.verb {
        ProfileVerb::List(args) => list(args, &cx),
        ProfileVerb::Show(args) => show(args, &cx),
        ProfileVerb::Create(args) => {
            let path = profile::create(&cx, &args.name, &args.inherits, args.force)?;
            terminal.note(&format!("Profile {} is in {}", args.name, path.display()));
            Ok(0)
        }
    }
}

fn list(args: &ListArgs, cx: &Configured) -> Result<u8> {
    let all = profile::all(cx)?;
    let text = match args.format {
        Format::Text => {
            let width = all.iter().map(|one| one.name.len()).max().unwrap_or(0);
            let mut out = String::from("Profiles:\n");
            for one in &all {
                // writing to a string cannot fail
                let _ = writeln!(out, "  {:width$}  {} ({})", one.name, one.description, one.origin);
            }
            out
        }
        Format::Json => format!("{:#}\n", json!(all)),
    };
    Terminal::result(&text).map(|()| 0)
}

fn show(args: &ShowArgs, cx: &Configured) -> Result<u8> {
    if args.script {
        let script = profile::script(&args.name).ok_or_else(|| Error::Config {
            problem: format!("profile '{}' has no build script", args.name),
            hint: Some("those with one: node, python, rust".into()),
        })?;
        return Terminal::result(script).map(|()| 0);
    }
    let entries = profile::entries(cx, &args.name)?;
    let text = match args.format {
        Format::Text => super::config::as_toml(&entries, true),
        Format::Json => {
            let listed = entries.iter().map(|one| json!({ "key": one.key, "value": one.value, "origin": one.origin }));
            format!("{:#}\n", json!(listed.collect::<Vec<_>>()))
        }
    };
    Terminal::result(&text).map(|()| 0)
}
