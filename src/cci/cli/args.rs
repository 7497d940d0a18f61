//! The command line as a type: the global flags and the verbs.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::engine::ArgValueCandidates;

use cci_core::network::Mode;
use cci_core::session::Resume;

use super::complete;
use super::output::Format;
use cci_host::settings::Trust;

/// Run coding agents in Incus system containers
#[derive(Debug, Parser)]
#[command(
    name = "cci",
    bin_name = "cci",
    about = env!("CARGO_PKG_DESCRIPTION"),
    disable_version_flag = true,
    disable_help_flag = true,
    after_help = examples()
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) flags: TopFlags,
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

fn examples() -> String {
    format!(
        "Examples:\n  cci shell                    start {agent} in a container, with this directory at /workspace\n  cci shell --resume           go on with the newest conversation of this directory\n  cci run -- npm test          run one command in a fresh container\n  cci list                     show the containers",
        agent = cci_agent::default_agent().title()
    )
}

// what can stand without a verb
#[derive(Debug, Args)]
pub(crate) struct TopFlags {
    /// Print the version
    #[arg(long, short = 'V', exclusive = true)]
    pub(crate) version: bool,
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
}

/// The flags that every verb takes, before or after it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global flags")]
pub(crate) struct GlobalArgs {
    /// Print help
    #[arg(short, long, global = true, action = clap::ArgAction::Help, help_heading = super::command::FLAGS)]
    help: Option<bool>,
    /// Workspace directory to mount
    #[arg(short, long, global = true, value_name = "PATH", default_value = ".", hide_default_value = true, value_hint = ValueHint::DirPath)]
    pub(crate) workspace: PathBuf,
    /// Slot for parallel sessions, 1 to 10; 0 takes a free one
    #[arg(long, global = true, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) slot: u8,
    /// Image alias or fingerprint
    #[arg(long, global = true, value_name = "NAME", add = ArgValueCandidates::new(complete::images))]
    pub(crate) image: Option<String>,
    /// Keep the container between sessions
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) persistent: Option<bool>,
    /// Go on with a conversation: the latest of this workspace, or the one of this id
    #[arg(long, global = true, value_name = "ID", num_args = 0..=1, require_equals = true, default_missing_value = "", alias = "continue", add = ArgValueCandidates::new(complete::sessions))]
    pub(crate) resume: Option<String>,
    /// Named set of settings (see `cci profile list`)
    #[arg(long, global = true, value_name = "NAME", add = ArgValueCandidates::new(complete::profiles))]
    pub(crate) profile: Option<String>,
    /// Environment for the agent: a name forwards the host's value (with `=VALUE` others on the host can read it in the process list)
    #[arg(short, long, global = true, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// The same from a file of KEY=VALUE lines; `-` is stdin, which the command then finds empty
    #[arg(long, global = true, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(crate) env_file: Vec<PathBuf>,
    /// Host directory to mount; a trailing `:ro` makes it read-only
    #[arg(long, global = true, value_name = "HOST:CONTAINER[:ro]")]
    pub(crate) mount: Vec<String>,
    /// Persistent storage directory, mounted at /storage
    #[arg(long, global = true, value_name = "PATH", value_hint = ValueHint::DirPath)]
    pub(crate) storage: Option<PathBuf>,
    /// What the container may reach: restricted, allowlist or open
    #[arg(long, global = true, value_name = "MODE")]
    pub(crate) network: Option<Mode>,
    /// A further configuration file, above the project's
    #[arg(long, global = true, value_name = "FILE", env = "CCI_CONFIG", hide_env = true, value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Only results, warnings and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Say more (repeat for more still)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Tell on stderr where the time went: each request, each wait
    #[arg(long, global = true)]
    pub(crate) timing: bool,
    /// No colour
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
}

impl GlobalArgs {
    /// Whether a container gets something from the command line that a project must not read: variables, or a
    /// conversation with what it was given when it began.
    pub(crate) fn brings_credentials(&self) -> bool {
        !self.env.is_empty() || !self.env_file.is_empty() || self.resume.is_some()
    }

    /// What `--resume` asks for.
    pub(crate) fn resume(&self) -> Resume {
        match self.resume.as_deref() {
            None => Resume::No,
            Some("") => Resume::Latest,
            Some(id) => Resume::Exactly(id.to_owned()),
        }
    }
}

/// What cci can do.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Verb {
    /// Make a working Incus out of what is there
    Setup(super::setup::SetupArgs),
    /// Check the Incus installation
    Doctor(super::doctor::DoctorArgs),
    /// Start an agent in a container
    Shell(super::shell::ShellArgs),
    /// Run one command in a fresh container
    Run(super::run::RunArgs),
    /// Go back to a running session
    Attach(super::attach::AttachArgs),
    /// Show the containers
    #[command(visible_alias = "ls")]
    List(super::list::ListArgs),
    /// Show a saved session
    Info(super::info::InfoArgs),
    /// Keep running ephemeral containers for good
    Persist(super::persist::PersistArgs),
    /// End containers gracefully
    Shutdown(super::end::ShutdownArgs),
    /// End containers at once
    Kill(super::end::KillArgs),
    /// Remove stopped containers, and saved sessions if asked
    Clean(super::clean::CleanArgs),
    /// Take over files that a container's root made in the workspace
    Reclaim(super::reclaim::ReclaimArgs),
    /// Drive a session without a terminal
    Tmux(super::tmux::TmuxArgs),
    /// See, check and write the configuration
    Config(super::config::ConfigArgs),
    /// See and make named sets of settings
    Profile(super::profile::ProfileArgs),
    /// Make the image that containers start from
    Build(super::build::BuildArgs),
    /// Measure cci beside the raw API calls that it needs
    Bench(super::bench::BenchArgs),
    /// Show and explain what a container may reach
    Network(super::network::NetworkArgs),
    /// See, make and remove images
    Image(super::image::ImageArgs),
    /// Show the images (`image list`)
    Images(super::image::ListArgs),
    /// Print the JSON Schema of what a verb prints with `--format json`
    Schema(super::schema::SchemaArgs),
    /// Print the completion script of a shell
    Completion(super::completion::CompletionArgs),
    /// Write the manual pages and the page of error codes
    #[command(hide = true)]
    Reference(super::reference::ReferenceArgs),
    /// Drive any container of the Incus project
    Container(super::container::ContainerArgs),
    /// Move files between the host and a container
    File(super::file::FileArgs),
    /// Print the version
    Version(super::version::VersionArgs),
}

impl Verb {
    /// Whether the verb passes a command's own status through, so that cci's failures need one of their own.
    pub(crate) fn passes_status(&self) -> bool {
        match self {
            Self::Run(_) => true,
            Self::Container(args) => args.passes_status(),
            _ => false,
        }
    }

    /// Whether it makes or shows containers, and so first removes what a killed command left of them.
    pub(crate) fn clears_up(&self) -> bool {
        matches!(
            self,
            Self::Shell(_)
                | Self::Run(_)
                | Self::Attach(_)
                | Self::List(_)
                | Self::Persist(_)
                | Self::Shutdown(_)
                | Self::Kill(_)
                | Self::Clean(_)
                | Self::Build(_)
        )
    }

    /// What becomes of a project file that is not approved: only what starts something in a container needs it, and none
    /// keeps the person from ending what runs.
    pub(crate) fn trust(&self) -> Trust {
        match self {
            Self::Shell(_) | Self::Run(_) | Self::Build(_) | Self::Bench(_) | Self::Network(_) => Trust::Judged,
            Self::Container(args) if args.launches() => Trust::Judged,
            Self::Attach(_)
            | Self::Persist(_)
            | Self::Shutdown(_)
            | Self::Kill(_)
            | Self::Clean(_)
            | Self::Reclaim(_)
            | Self::Tmux(_)
            | Self::Container(_)
            | Self::File(_) => Trust::LeftOut,
            _ => Trust::SetAside,
        }
    }

    /// The output format asked for, if the verb has one.
    pub(crate) fn format(&self) -> Option<Format> {
        match self {
            Self::Bench(args) => Some(args.format.format),
            Self::List(args) => Some(args.format.format),
            Self::Doctor(args) => Some(args.format.format),
            Self::Build(args) => Some(args.format()),
            Self::Info(args) => Some(args.format.format),
            Self::Clean(args) => Some(args.format.format),
            Self::Shell(args) => Some(args.format.format),
            Self::Network(args) => Some(args.format()),
            Self::Image(args) => args.format(),
            Self::Images(args) => Some(args.format()),
            Self::Tmux(args) => args.format(),
            Self::Run(args) => args.format(),
            Self::Container(args) => args.format(),
            Self::Config(args) => args.verb.format(),
            Self::Profile(args) => args.verb.format(),
            Self::Schema(args) => Some(args.format.format.into()),
            Self::Version(args) => Some(args.format.format),
            _ => None,
        }
    }
}
