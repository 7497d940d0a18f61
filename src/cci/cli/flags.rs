//! The flags that every verb shares, as types.

use std::path::PathBuf;

use clap::builder::Resettable;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, ValueHint};
use clap_complete::engine::ArgValueCandidates;

use cci_core::Result;
use cci_core::boundary::Boundary;
use cci_core::network::Mode;
use cci_core::session::Resume;
use cci_engine::configuration::config::Configured;
use cci_host::settings::Overrides;

use super::complete;
use super::context::Asked;

/// The heading of a verb's own flags; the global flags have one of their own.
pub(crate) const FLAGS: &str = "Flags";
const GLOBAL_FLAGS: &str = "Global flags";

/// The flags that are accepted before and after the verb.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = GLOBAL_FLAGS)]
pub(crate) struct GlobalArgs {
    /// Print help
    #[arg(short, long, global = true, action = clap::ArgAction::Help, help_heading = FLAGS)]
    help: Option<bool>,
    #[command(flatten)]
    pub(crate) launch: LaunchArgs,
    /// Print only results, warnings and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Print more (repeat for still more)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Print to stderr where the time went: each request, each wait
    #[arg(long, global = true)]
    pub(crate) timing: bool,
    /// No colour
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
}

impl GlobalArgs {
    /// The same flags for a verb: they have no value there until they are typed.
    pub(crate) fn at_a_verb() -> Vec<Arg> {
        // at the top `--version` comes before them
        let all = Self::augment_args(Command::new("cci").next_display_order(1));
        all.get_arguments().map(|flag| flag.clone().default_value(Resettable::Reset).env(Resettable::Reset)).collect()
    }
}

// the launch flags, each of which is also in `launch_flags.rs`; as a doc comment clap would take it for an about
#[derive(Debug, Clone, Args)]
pub(crate) struct LaunchArgs {
    /// Workspace directory to mount
    #[arg(short, long, value_name = "PATH", default_value = ".", hide_default_value = true, value_hint = ValueHint::DirPath)]
    pub(crate) workspace: PathBuf,
    /// Slot for parallel sessions, 1 to 10; 0 picks a free one
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) slot: u8,
    /// Image alias or fingerprint
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(complete::images))]
    pub(crate) image: Option<String>,
    /// Keep the container between sessions
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) persistent: Option<bool>,
    /// Resume a conversation: the latest of this workspace, or the one with this id
    #[arg(long, value_name = "ID", num_args = 0..=1, require_equals = true, default_missing_value = "", alias = "continue", add = ArgValueCandidates::new(complete::sessions))]
    pub(crate) resume: Option<String>,
    /// Named set of settings (see `cci profile list`)
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(complete::profiles))]
    pub(crate) profile: Option<String>,
    /// Environment for the agent: a name forwards the host's value (with `=VALUE` others on the host can read it in the process list)
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// The same from a file of KEY=VALUE lines; `-` is stdin, which the command then finds empty
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(crate) env_file: Vec<PathBuf>,
    /// Host directory to mount; a trailing `:ro` makes it read-only
    #[arg(long, value_name = "HOST:CONTAINER[:ro]")]
    pub(crate) mount: Vec<String>,
    /// Persistent storage directory, mounted at /storage
    #[arg(long, value_name = "PATH", value_hint = ValueHint::DirPath)]
    pub(crate) storage: Option<PathBuf>,
    /// What the container may reach: restricted, allowlist, learn, open or none
    #[arg(long, value_name = "MODE")]
    pub(crate) network: Option<Mode>,
    /// What stands between the agent and the host's kernel: container or gvisor
    #[arg(long, value_name = "BOUNDARY")]
    pub(crate) boundary: Option<Boundary>,
    /// An additional configuration file, which overrides the project's
    #[arg(long, value_name = "FILE", env = "CCI_CONFIG", hide_env = true, value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
}

impl LaunchArgs {
    /// Takes over what was typed after the verb of these matches, and the verbs below it; the last one wins.
    pub(crate) fn take_over(&mut self, mut matches: &ArgMatches) -> clap::error::Result<()> {
        while let Some((_, below)) = matches.subcommand() {
            self.update_from_arg_matches(below)?;
            matches = below;
        }
        Ok(())
    }

    /// What `--resume` asks for.
    pub(crate) fn resume(&self) -> Resume {
        match self.resume.as_deref() {
            None => Resume::No,
            Some("") => Resume::Latest,
            Some(id) => Resume::Exactly(id.to_owned()),
        }
    }

    /// What they say about settings.
    fn overrides(&self) -> Overrides {
        Overrides {
            image: self.image.clone(),
            persistent: self.persistent,
            network: self.network,
            boundary: self.boundary,
            mounts: self.mount.clone(),
            storage: self.storage.clone(),
            profile: self.profile.clone(),
            brings_credentials: self.brings_credentials(),
            passes_over_closed: false,
        }
    }

    /// The configuration with these overrides.
    pub(crate) fn configured(&self) -> Result<Configured> {
        Configured::new(&self.workspace, self.config.as_deref(), self.overrides())
    }

    /// What they say of the context that a use-case works in.
    pub(crate) fn asked(&self) -> Asked {
        Asked {
            workspace: self.workspace.clone(),
            config: self.config.clone(),
            overrides: self.overrides(),
            env: self.env.clone(),
            env_files: self.env_file.clone(),
        }
    }

    /// Whether a container gets something from the command line that a project must not read: variables, or a
    /// conversation with what it was given when it began.
    fn brings_credentials(&self) -> bool {
        !self.env.is_empty() || !self.env_file.is_empty() || self.resume.is_some()
    }
}
