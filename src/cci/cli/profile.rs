//! `cci profile`: the named sets of settings.

use cci_core::{Error, Result};
use cci_guest::GuestText;
use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCandidates;

use super::complete;
use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::{Format, FormatArg, print};
use super::verb::{Call, Offline, Verb};
use crate::ui::terminal::Terminal;
use crate::ui::text::Text;
use cci_engine::configuration::config::Configured;
use cci_engine::configuration::profile;
use cci_host::settings::Entry;

/// Show and create named sets of settings
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cci profile list\n  cci profile show hardened\n  cci shell --profile hardened")]
pub(crate) struct ProfileArgs {
    #[command(subcommand)]
    verb: ProfileVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProfileVerb {
    /// Print the profiles
    #[command(after_help = "Examples:\n  cci profile list\n  cci profile list --format=json | jq -r '.[].name'")]
    List(FormatArg),
    /// Print what a profile sets
    #[command(
        after_help = "Examples:\n  cci profile show hardened\n  cci profile show rust --script > rust.sh && cci build custom cci-rust --script rust.sh"
    )]
    Show(ShowArgs),
    /// Create a profile of your own
    #[command(after_help = "Examples:\n  cci profile create mine --inherits hardened")]
    Create(CreateArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The profile
    #[arg(add = ArgValueCandidates::new(complete::profiles))]
    name: String,
    /// Print the script that builds its image, for `cci build custom`
    #[arg(long)]
    script: bool,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Its name: lowercase letters, digits, `-` and `_`
    name: String,
    /// The profile to inherit from
    #[arg(long, value_name = "NAME", default_value = "default", add = ArgValueCandidates::new(complete::profiles))]
    inherits: String,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
}

impl Verb for ProfileArgs {
    const SCHEMAS: &'static [Described] = &[
        Described::new::<Vec<profile::Listed>>("profile-list", "the profiles"),
        Described::new::<Vec<Entry>>("profile-show", "what a profile sets"),
    ];

    // they show what a launch would use
    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        LaunchFlag::SETTINGS
    }

    fn format(&self) -> Option<Format> {
        match &self.verb {
            ProfileVerb::List(args) => Some(args.format),
            ProfileVerb::Show(args) => Some(args.format.format),
            ProfileVerb::Create(_) => None,
        }
    }
}

impl Offline for ProfileArgs {
    async fn run(self, call: &Call<'_>) -> Result<u8> {
        let cx = call.flags.launch.configured()?;
        match &self.verb {
            ProfileVerb::List(args) => list(*args, &cx),
            ProfileVerb::Show(args) => show(args, &cx),
            ProfileVerb::Create(args) => {
                let path = profile::create(&cx, &args.name, &args.inherits, args.force)?;
                call.terminal.note(&format!("Profile {} is in {}", args.name, GuestText::new(path)));
                Ok(0)
            }
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
            hint: Some("profiles with one: node, python, rust".into()),
        })?;
        return Terminal::result(&Text::block(script)).map(|()| 0);
    }
    let entries = profile::entries(cx, &args.name)?;
    print(args.format.format, &entries, |entries| super::config::toml_text::as_toml(entries, true))
}
