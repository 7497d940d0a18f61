//! `cci adopt`: makes the workspace what a fork of it is.

use cci_core::Result;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use schemars::JsonSchema;
use serde::Serialize;

use super::complete;
use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::{Format, FormatArg, print};
use super::question::Question;
use super::rewind::Missing;
use super::shell::slot;
use super::verb::{Call, OnIncus, Verb};
use crate::supervisor;
use crate::ui::terminal::Terminal;
use crate::ui::text::Text;
use cci_engine::checkpoint::adopt::{self, Adopted};
use cci_engine::checkpoint::forks;
use cci_engine::context::Context;
use cci_engine::launch::environment;
use cci_host::settings::Trust;

/// Make this workspace what a fork of it has become
#[derive(Debug, Args)]
#[command(
    after_help = "What is there now is taken first, so it can be taken back with `cci rewind`. In a git repository the current branch moves to the commit of the fork. The fork stays until `cci fork --remove`.\n\nExamples:\n  cci adopt proj-fork-3fa9c1\n  cci adopt -w ~/proj proj-fork-3fa9c1 --yes"
)]
pub(crate) struct AdoptArgs {
    /// The fork, by name, container or path
    #[arg(value_name = "FORK", add = ArgValueCandidates::new(complete::forks))]
    fork: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    format: FormatArg,
}

/// What `--format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci adopt")]
struct Shown {
    /// The fork.
    fork: String,
    /// The checkpoint of the fork that the workspace is now at.
    checkpoint: String,
    /// The one that brings back what was there before.
    from: String,
    /// What was adopted: `container`, `workspace`, `conversation`.
    parts: Vec<String>,
    /// What could not be, and why.
    missing: Vec<Missing>,
    /// The container that runs the agent now; empty if none does.
    container: String,
    /// The conversation that was resumed in it.
    session_id: String,
}

impl Verb for AdoptArgs {
    const SCHEMAS: &'static [Described] = &[Described::new::<Shown>("adopt", "what was adopted of a fork")];

    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[LaunchFlag::Workspace, LaunchFlag::Slot, LaunchFlag::Env, LaunchFlag::EnvFile, LaunchFlag::Config]
    }

    fn format(&self) -> Option<Format> {
        Some(self.format.format)
    }
}

impl OnIncus for AdoptArgs {
    fn trust(&self) -> Trust {
        Trust::Judged
    }

    fn clears_up(&self) -> bool {
        true
    }

    async fn run(self, call: &Call<'_>, cx: &Context) -> Result<u8> {
        let fork = adopt::meant(cx, &self.fork).await?;
        if !self.yes && !confirmed(call, &forks::name(&fork)).await? {
            return Terminal::result(&Text::one("Cancelled.")).map(|()| 0);
        }
        let cx = &environment::resolved(cx).await?;
        let adopting = adopt::adopt(cx, &fork, slot(call.flags.launch.slot)?);
        let sessions = |adopted: &Adopted| adopted.running.iter().map(|(_, session)| *session).collect();
        let adopted = supervisor::beside(cx, adopting, sessions).await?;
        for (part, why) in &adopted.missing {
            call.terminal.warn(&format!("the {} of the fork is not adopted: {why}", part.word()));
        }
        print(self.format.format, &shown(&adopted), |shown| Text::one(format_args!("Adopted {}", shown.fork)))?;
        call.terminal.hint(&format!("take it back with `cci rewind {}`", adopted.from));
        call.terminal.hint(&format!("remove the fork with `cci fork --remove {}`", adopted.fork));
        Ok(0)
    }
}

/// Asks on a terminal; a script has said what it wants, and this can be taken back.
async fn confirmed(call: &Call<'_>, fork: &str) -> Result<bool> {
    if !cci_host::terminal::is_interactive() {
        return Ok(true);
    }
    let text = format!("Replace workspace, conversation and container by those of {fork}?");
    Question { text: &text, act: &text, flag: "--yes" }.confirmed(call.terminal).await
}

fn shown(adopted: &Adopted) -> Shown {
    let (container, session_id) = match &adopted.running {
        Some((container, session)) => (container.clone(), session.to_string()),
        None => (String::new(), String::new()),
    };
    let missing = adopted.missing.iter();
    Shown {
        fork: adopted.fork.clone(),
        checkpoint: adopted.checkpoint.to_string(),
        from: adopted.from.to_string(),
        parts: adopted.parts.iter().map(|part| part.word().to_owned()).collect(),
        missing: missing.map(Missing::of).collect(),
        container,
        session_id,
    }
}
