//! `cci container`: plain verbs on any container of the Incus project.

mod exec;

use std::path::PathBuf;
use std::time::Duration;

use cci_core::Result;
use cci_guest::GuestText;
use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCandidates;

use self::exec::ExecArgs;
use super::capture::Kept;
use super::complete;
use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::Format;
use super::owner::OwnerArg;
use super::verb::{Call, OnIncus, Verb};
use crate::ui::terminal::Terminal;
use crate::ui::text::Text;
use cci_engine::context::Context;
use cci_engine::instance::container;
use cci_engine::instance::mount::{self, Mounting};
use cci_engine::launch;
use cci_engine::roll_back;
use cci_host::settings::Trust;

/// Drive any container of the Incus project
#[derive(Debug, Args)]
#[command(
    subcommand_help_heading = "Commands",
    after_help = "Examples:\n  cci container launch cci worker\n  cci container exec worker -- uname -a\n  cci container delete --force worker"
)]
pub(crate) struct ContainerArgs {
    #[command(subcommand)]
    verb: ContainerVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ContainerVerb {
    /// Make and start a container
    #[command(
        after_help = "Examples:\n  cci container launch cci worker\n  cci container launch cci probe --ephemeral\n  cci container launch cci worker --network allowlist"
    )]
    Launch(LaunchArgs),
    /// Start a stopped container
    #[command(after_help = "Examples:\n  cci container start worker")]
    Start(NameArgs),
    /// Stop a running container
    #[command(
        after_help = "Examples:\n  cci container stop worker\n  cci container stop --timeout 10 worker\n  cci container stop --force worker"
    )]
    Stop(StopArgs),
    /// Delete a container
    #[command(after_help = "Examples:\n  cci container delete worker\n  cci container delete --force worker")]
    Delete(DeleteArgs),
    /// Run a command in a running container
    #[command(
        after_help = "The command has the container's environment and not that of a session: for an agent with the session's login, use `cci attach --bash`.\n\nExamples:\n  cci container exec worker -- make test\n  cci container exec worker --user code --cwd /tmp -- id\n  cci container exec --capture worker -- uname -a | jq -r .stdout\n  tar c . | cci container exec worker -- tar x -C /srv"
    )]
    Exec(ExecArgs),
    /// End with 0 if a container exists, with 1 if not
    #[command(after_help = "Examples:\n  cci container exists worker && echo there")]
    Exists(NameArgs),
    /// End with 0 if a container runs, with 1 if not
    #[command(after_help = "Examples:\n  cci container running worker || cci container start worker")]
    Running(NameArgs),
    /// Mount a host directory into a container
    #[command(
        after_help = "Examples:\n  cci container mount worker data ~/data /data\n  cci container mount worker docs ~/docs /docs --readonly"
    )]
    Mount(MountArgs),
}

#[derive(Debug, Args)]
pub(crate) struct NameArgs {
    /// The container
    #[arg(add = ArgValueCandidates::new(complete::project_containers))]
    name: String,
    #[command(flatten)]
    owner: OwnerArg,
}

#[derive(Debug, Args)]
pub(crate) struct LaunchArgs {
    /// Alias or fingerprint of the image
    #[arg(id = "launch_image", value_name = "IMAGE", add = ArgValueCandidates::new(complete::images))]
    image: String,
    /// The name it gets
    name: String,
    /// Let Incus delete it when it stops
    #[arg(long)]
    ephemeral: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StopArgs {
    /// The container
    #[arg(add = ArgValueCandidates::new(complete::project_containers))]
    name: String,
    #[command(flatten)]
    owner: OwnerArg,
    /// Stop it at once
    #[arg(long, short)]
    force: bool,
    /// How long it may take before it is stopped at once
    #[arg(long, value_name = "SECS", default_value_t = 60)]
    timeout: u32,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// The container
    #[arg(add = ArgValueCandidates::new(complete::project_containers))]
    name: String,
    #[command(flatten)]
    owner: OwnerArg,
    /// A running one too
    #[arg(long, short)]
    force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MountArgs {
    /// The container
    #[arg(add = ArgValueCandidates::new(complete::project_containers))]
    name: String,
    #[command(flatten)]
    owner: OwnerArg,
    /// The name of the new device
    device: String,
    /// The directory on the host
    source: PathBuf,
    /// Where it appears in the container
    path: String,
    /// Shift ids: for hosts that can do no other
    #[arg(long)]
    shift: bool,
    /// The container cannot write to it
    #[arg(long)]
    readonly: bool,
}

impl Verb for ContainerArgs {
    const SCHEMAS: &'static [Described] = &[Described::new::<Kept>("container-exec", "what `--capture` has kept")];

    fn launch_flags(below: &[&str]) -> &'static [LaunchFlag] {
        match below {
            ["launch"] => &[LaunchFlag::Workspace, LaunchFlag::Profile, LaunchFlag::Network, LaunchFlag::Config],
            ["exec"] => &[LaunchFlag::Env, LaunchFlag::EnvFile, LaunchFlag::Config],
            _ => &[LaunchFlag::Config],
        }
    }

    fn format(&self) -> Option<Format> {
        match &self.verb {
            ContainerVerb::Exec(args) => args.errors(),
            _ => None,
        }
    }

    fn passes_status(&self) -> bool {
        matches!(self.verb, ContainerVerb::Exec(_))
    }
}

impl OnIncus for ContainerArgs {
    // `exec` passes signals on and is not ended by them
    const ROLLED_BACK: bool = false;

    fn trust(&self) -> Trust {
        if matches!(self.verb, ContainerVerb::Launch(_)) { Trust::Judged } else { Trust::LeftOut }
    }

    async fn run(self, _: &Call<'_>, cx: &Context) -> Result<u8> {
        match &self.verb {
            ContainerVerb::Exec(args) => exec::run(args, cx).await,
            other => roll_back::on_failure(cx, plain(other, cx)).await,
        }
    }
}

async fn plain(verb: &ContainerVerb, cx: &Context) -> Result<u8> {
    let told = match verb {
        ContainerVerb::Launch(LaunchArgs { image, name, ephemeral }) => {
            launch::standalone(cx, image, name, *ephemeral).await?;
            format!("Launched {name}")
        }
        ContainerVerb::Start(NameArgs { name, owner }) => {
            container::start(&owner.reach(cx), name).await?;
            format!("Started {name}")
        }
        ContainerVerb::Stop(StopArgs { name, owner, force, timeout }) => {
            let within = (!force).then(|| Duration::from_secs((*timeout).into()));
            container::stop(&owner.reach(cx), name, within).await?;
            format!("Stopped {name}")
        }
        ContainerVerb::Delete(DeleteArgs { name, owner, force }) => {
            container::delete(&owner.reach(cx), name, *force).await?;
            format!("Deleted {name}")
        }
        ContainerVerb::Mount(args) => {
            let MountArgs { name, owner, device, source, path, shift, readonly } = args;
            let mounting = Mounting { device, source, path, shift: *shift, readonly: *readonly };
            mount::mount(&owner.reach(cx), name, &mounting).await?;
            format!("Mounted {} at {path} in {name}", GuestText::new(source))
        }
        ContainerVerb::Exists(NameArgs { name, owner }) => {
            return Ok(u8::from(!container::exists(&owner.reach(cx), name).await?));
        }
        ContainerVerb::Running(NameArgs { name, owner }) => {
            return Ok(u8::from(!container::is_running(&owner.reach(cx), name).await?));
        }
        ContainerVerb::Exec(_) => return Ok(0),
    };
    Terminal::result(&Text::one(told)).map(|()| 0)
}
