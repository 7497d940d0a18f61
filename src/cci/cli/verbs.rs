//! The table of the verbs: one row each, in the order of the help. Everything else about a verb is in its own file.

use cci_core::Result;
use clap::{Command, Subcommand};
use futures_util::future::LocalBoxFuture;

use super::carry_out::{offline, on_incus};
use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::Format;
use super::verb::{Call, Verb};
use super::verb_command::define;

/// What is known of a verb before it is parsed.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    /// As it is typed.
    pub(crate) name: &'static str,
    /// Builds its arguments.
    pub(crate) define: fn(Command) -> Command,
    /// See [`Verb::launch_flags`].
    pub(crate) launch_flags: fn(&[&str]) -> &'static [LaunchFlag],
    /// See [`Verb::SCHEMAS`].
    pub(crate) schemas: &'static [Described],
}

macro_rules! verbs {
    ($($(#[$attribute:meta])* $variant:ident = $name:literal: $arguments:ty, $kind:ident;)*) => {
        /// A verb that was typed, with its arguments.
        #[derive(Debug, Subcommand)]
        #[command(defer = true)]
        pub(crate) enum AnyVerb {
            $($(#[$attribute])* #[command(name = $name)] $variant($arguments),)*
        }

        /// The rows of the table.
        pub(crate) const ROWS: &[Row] = &[$(Row {
            name: $name,
            define: define::<$arguments>,
            launch_flags: <$arguments as Verb>::launch_flags,
            schemas: <$arguments as Verb>::SCHEMAS,
        },)*];

        impl AnyVerb {
            /// See [`Verb::format`].
            pub(crate) fn format(&self) -> Option<Format> {
                match self { $(Self::$variant(verb) => verb.format(),)* }
            }

            /// See [`Verb::passes_status`].
            pub(crate) fn passes_status(&self) -> bool {
                match self { $(Self::$variant(verb) => verb.passes_status(),)* }
            }

            /// Does what was asked for; returns the exit status.
            pub(crate) fn carry_out<'a>(self, call: &'a Call<'a>) -> LocalBoxFuture<'a, Result<u8>> {
                match self { $(Self::$variant(verb) => $kind(verb, call),)* }
            }
        }
    };
}

verbs! {
    /// Install and configure Incus
    Setup = "setup": super::setup::SetupArgs, on_incus;
    /// Check the Incus installation
    Doctor = "doctor": super::doctor::DoctorArgs, on_incus;
    /// Start an agent in a container
    Shell = "shell": super::shell::ShellArgs, on_incus;
    /// Run one command in a fresh container
    Run = "run": super::run::RunArgs, on_incus;
    /// Attach to a running session
    Attach = "attach": super::attach::AttachArgs, on_incus;
    /// Show the containers
    #[command(visible_alias = "ls")]
    List = "list": super::list::ListArgs, on_incus;
    /// Show a saved session
    Info = "info": super::info::InfoArgs, on_incus;
    /// Make running ephemeral containers persistent
    Persist = "persist": super::persist::PersistArgs, on_incus;
    /// Stop containers gracefully
    Shutdown = "shutdown": super::end::ShutdownArgs, on_incus;
    /// Stop containers at once
    Kill = "kill": super::end::KillArgs, on_incus;
    /// Remove stopped containers, and saved sessions if asked
    Clean = "clean": super::clean::CleanArgs, on_incus;
    /// Take ownership of files that a container's root created in the workspace
    Reclaim = "reclaim": super::reclaim::ReclaimArgs, on_incus;
    /// Keep container, workspace and conversation under one id
    Checkpoint = "checkpoint": super::checkpoint::CheckpointArgs, on_incus;
    /// Show the checkpoints of this workspace, newest first
    Log = "log": super::log::LogArgs, on_incus;
    /// Show what changed in the workspace since a checkpoint
    Diff = "diff": super::diff::DiffArgs, on_incus;
    /// Bring container, workspace and conversation back
    Rewind = "rewind": super::rewind::RewindArgs, on_incus;
    /// Open a checkpoint in new workspaces, side by side
    Fork = "fork": super::fork::ForkArgs, on_incus;
    /// Compare forks: what changed, what it took, whether a command succeeds
    Compare = "compare": super::compare::CompareArgs, on_incus;
    /// Make this workspace what a fork of it has become
    Adopt = "adopt": super::adopt::AdoptArgs, on_incus;
    /// Show, merge and remove the worktrees of sessions
    Worktree = "worktree": super::worktree::WorktreeArgs, on_incus;
    /// Show what a session left that would run on this host
    Review = "review": super::review::ReviewArgs, on_incus;
    /// Drive a session without a terminal
    Tmux = "tmux": super::tmux::TmuxArgs, on_incus;
    /// Show, check and write the configuration
    Config = "config": super::config::ConfigArgs, offline;
    /// Show and create named sets of settings
    Profile = "profile": super::profile::ProfileArgs, offline;
    /// Build the image that containers start from
    Build = "build": super::build::BuildArgs, on_incus;
    /// Show, update and pin the agents in an image
    Agent = "agent": super::agent::AgentArgs, on_incus;
    /// Measure cci against the raw API calls that it needs
    Bench = "bench": super::bench::BenchArgs, on_incus;
    /// Show and explain what a container may reach
    Network = "network": super::network::NetworkArgs, on_incus;
    /// Show and verify what sessions ran and connected to
    Audit = "audit": super::audit::AuditArgs, on_incus;
    /// List, create and remove images
    Image = "image": super::image::ImageArgs, on_incus;
    /// Show the images (`image list`)
    Images = "images": super::image::ListArgs, on_incus;
    /// Print the JSON Schema of what a verb prints with `--format json`
    Schema = "schema": super::schema::SchemaArgs, offline;
    /// Print the completion script of a shell
    Completion = "completion": super::completion::CompletionArgs, offline;
    /// Write the manual pages and the page of error codes
    #[command(hide = true)]
    Reference = "reference": super::reference::ReferenceArgs, offline;
    /// Drive any container of the Incus project
    Container = "container": super::container::ContainerArgs, on_incus;
    /// Show and choose the agents' accounts on this host
    Login = "login": super::login::LoginArgs, offline;
    /// Keep secrets that sessions use and never see
    Secret = "secret": super::secret::SecretArgs, offline;
    /// Show and control the process that takes checkpoints while agents work
    Supervisor = "supervisor": super::supervisor::SupervisorArgs, offline;
    /// Copy files between the host and a container
    File = "file": super::file::FileArgs, on_incus;
    /// Print the version
    Version = "version": super::version::VersionArgs, offline;
}

/// What the verbs print as JSON, by name.
pub(crate) fn schemas() -> Vec<Described> {
    let mut all: Vec<Described> = ROWS.iter().flat_map(|row| row.schemas).copied().collect();
    all.sort_by_key(|described| described.name);
    all
}
