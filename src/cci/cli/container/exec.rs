//! `cci container exec`: a command in any container, which has the caller's input and ends with its own status.

use std::ffi::OsString;

use cci_core::{Error, Result};
use cci_guest::shell;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use crate::cli::capture::CaptureArgs;
use crate::cli::complete;
use crate::cli::output::Format;
use crate::cli::owner::OwnerArg;
use cci_engine::context::Context;
use cci_engine::process::container_exec::{self, Command};

#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    /// The container
    #[arg(add = ArgValueCandidates::new(complete::project_containers))]
    name: String,
    #[command(flatten)]
    owner: OwnerArg,
    /// Who runs it: a number, or a name in the container; root if not given
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// The group's number; the user's own if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..i64::from(u32::MAX)))]
    group: Option<u32>,
    /// Where it runs; /workspace if there is one, else /
    #[arg(long, value_name = "DIR")]
    cwd: Option<String>,
    #[command(flatten)]
    capture: CaptureArgs,
    /// With a terminal
    #[arg(long, short, conflicts_with = "capture")]
    tty: bool,
    /// Do not read stdin, so that a `while read` loop around it keeps its input
    #[arg(short = 'n', long)]
    no_input: bool,
    /// The command and its arguments
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl ExecArgs {
    /// How its own errors are shown.
    pub(super) fn errors(&self) -> Option<Format> {
        self.capture.errors()
    }
}

pub(super) async fn run(args: &ExecArgs, cx: &Context) -> Result<u8> {
    let capture = args.capture.wanted()?;
    if args.command.is_empty() {
        return Err(Error::Usage {
            problem: "no command to run".into(),
            hint: Some(format!("give one: `cci container exec {} -- uname -a`", args.name)),
        });
    }
    let command = Command {
        argv: shell::words(&args.command),
        user: args.user.clone(),
        group: args.group,
        cwd: args.cwd.clone(),
        tty: args.tty,
        no_input: args.no_input,
        capture,
    };
    let outcome = container_exec::run(&args.owner.reach(cx), &args.name, &command).await?;
    args.capture.print(&outcome, false)
}
