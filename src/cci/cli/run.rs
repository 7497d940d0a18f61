//! `cci run`: one command in a fresh container.

use std::ffi::OsString;
use std::time::Duration;

use cci_core::{Error, Result};
use clap::Args;

use super::capture::{CaptureArgs, Kept};
use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::Format;
use super::verb::{Call, OnIncus, Verb};
use crate::supervisor;
use cci_engine::context::Context;
use cci_engine::launch::environment;
use cci_engine::process::run::{self, Command};
use cci_guest::shell;
use cci_host::settings::Trust;

/// What a shell would have to read: a single argument with one of these is a command line, not a program.
const SHELL_CHARACTERS: &[char] =
    &[' ', '\t', '\n', '|', '&', ';', '<', '>', '(', ')', '$', '`', '"', '\'', '*', '?', '~', '#'];

/// Run one command in a fresh container
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cci run -- npm test              argv, as it is\n  cci run \"npm ci && npm test\"      one argument with spaces runs through bash -lc\n  cci run -e TOKEN -- ./deploy.sh  forward one variable of the host\n  cci run --checkpoint -- ./migrate.sh   with a checkpoint before and one after\n  cci run --timeout 60 --capture -- make test | jq .exit_code\n  cci run --mount \"$PWD:$PWD\" -- .venv/bin/pip list   also at its host path, to which a virtual environment refers\n  while read -r dir; do cci run -n -w \"$dir\" -- make; done < list\n\nThe command reads stdin. In a loop or script that reads the same input, use -n."
)]
pub(crate) struct RunArgs {
    /// Stop the command after this many seconds, with status 124
    #[arg(long, value_name = "SECS")]
    timeout: Option<u64>,
    /// Do not read stdin, so that a `while read` loop around it keeps its input
    #[arg(short = 'n', long)]
    no_input: bool,
    /// Take a checkpoint before the command and one after it
    #[arg(long)]
    checkpoint: bool,
    #[command(flatten)]
    capture: CaptureArgs,
    /// The command and its arguments
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Verb for RunArgs {
    const SCHEMAS: &'static [Described] = &[Described::new::<Kept>("run", "the output that `--capture` collected")];

    // a command has no conversation
    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        LaunchFlag::WITHOUT_RESUME
    }

    fn format(&self) -> Option<Format> {
        self.capture.errors()
    }

    fn passes_status(&self) -> bool {
        true
    }
}

impl OnIncus for RunArgs {
    const ROLLED_BACK: bool = false;

    fn trust(&self) -> Trust {
        Trust::Judged
    }

    fn clears_up(&self) -> bool {
        true
    }

    async fn run(self, call: &Call<'_>, cx: &Context) -> Result<u8> {
        let cx = &environment::resolved(cx).await?;
        let command = Command {
            argv: argv(&self.command)?,
            slot: super::shell::slot(call.flags.launch.slot)?,
            timeout: self.timeout.map(Duration::from_secs),
            capture: self.capture.wanted()?,
            no_input: self.no_input,
            checkpoint: self.checkpoint,
        };
        let (outcome, ()) = tokio::join!(run::run(cx, &command), supervisor::for_names(cx));
        self.capture.print(&outcome?, true)
    }
}

/// Several arguments are argv; a single one may be a line for bash.
fn argv(command: &[OsString]) -> Result<Vec<String>> {
    match command {
        [] => Err(Error::Usage {
            problem: "no command to run".into(),
            hint: Some("give one: `cci run -- npm test`".into()),
        }),
        [line] if line.to_string_lossy().contains(SHELL_CHARACTERS) => {
            Ok(shell::words(&["bash".into(), "-lc".into(), line.clone()]))
        }
        words => Ok(shell::words(words)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_goes_through_bash_and_an_argv_stays_one() {
        let words = |line: &[&str]| argv(&line.iter().map(OsString::from).collect::<Vec<_>>()).unwrap();
        assert_eq!(words(&["npm test"]), ["bash", "-lc", "npm test"]);
        assert_eq!(words(&["true"]), ["true"]);
        assert_eq!(words(&["echo", "a b"]), ["echo", "a b"]);
        assert!(argv(&[]).is_err());
    }
}
