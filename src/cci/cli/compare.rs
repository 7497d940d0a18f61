//! `cci compare`: what became of forks, side by side.

use std::path::PathBuf;

use cci_core::Result;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use schemars::JsonSchema;
use serde::Serialize;

use super::complete;
use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::{Format, TableFormatArg, print};
use super::verb::{Call, OnIncus, Verb};
use crate::ui::patch;
use crate::ui::table::table;
use crate::ui::text::Text;
use cci_engine::checkpoint::compare::{self, Compared};
use cci_engine::checkpoint::forks;
use cci_engine::context::Context;

/// Compare forks: what changed, what it took, whether a command succeeds
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cci compare                           all forks of this workspace\n  cci compare --run './check'           and in which of them this succeeds\n  cci compare proj-fork-3fa9c1 proj-fork-77e0d2\n  cci compare --run 'make test' --format=json | jq -r '.forks[] | select(.status == 0) | .name'"
)]
pub(crate) struct CompareArgs {
    /// The forks, by name, container or path; without any, all of this workspace
    #[arg(value_name = "FORK", add = ArgValueCandidates::new(complete::forks))]
    forks: Vec<String>,
    /// Run this in the container of each, as the agent's user in /workspace
    #[arg(long, value_name = "CMD")]
    run: Option<String>,
    #[command(flatten)]
    format: TableFormatArg,
}

/// What `--format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci compare")]
struct Shown {
    /// The forks, in the order in which they were named, else by name.
    forks: Vec<ShownFork>,
}

/// What became of a fork since it was made.
#[derive(Debug, Serialize, JsonSchema)]
struct ShownFork {
    /// Its name.
    name: String,
    /// Its workspace.
    workspace: PathBuf,
    /// Its branch in the repository of the origin; empty if it is none.
    branch: String,
    /// Its container; empty if that does not run.
    container: String,
    /// The checkpoint that it was made of.
    checkpoint: String,
    /// How many files differ from the checkpoint; missing if the checkpoint is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<usize>,
    /// How many lines were added.
    #[serde(skip_serializing_if = "Option::is_none")]
    added: Option<usize>,
    /// How many lines were removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<usize>,
    /// How many commits there are; missing without a repository or a running container.
    #[serde(skip_serializing_if = "Option::is_none")]
    commits: Option<u64>,
    /// How many prompts the agent was given; missing if its transcript does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    turns: Option<u64>,
    /// How many tokens its answers took.
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<u64>,
    /// How long ago it was made.
    seconds: u64,
    /// The exit status of the command; missing if none was run.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u8>,
}

impl Verb for CompareArgs {
    const SCHEMAS: &'static [Described] = &[Described::new::<Shown>("compare", "what became of forks")];

    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[LaunchFlag::Workspace, LaunchFlag::Config]
    }

    fn format(&self) -> Option<Format> {
        Some(self.format.format.into())
    }
}

impl OnIncus for CompareArgs {
    fn clears_up(&self) -> bool {
        true
    }

    async fn run(self, call: &Call<'_>, cx: &Context) -> Result<u8> {
        let chosen = forks::chosen(cx, &self.forks).await?;
        let compared = compare::compare(cx, chosen, self.run.as_deref()).await?;
        let shown = Shown { forks: compared.iter().map(shown).collect() };
        if self.run.is_some() && shown.forks.iter().any(|fork| fork.container.is_empty()) {
            call.terminal.warn("the command runs only where the container does");
        }
        print(self.format.format, &shown, |shown| {
            if shown.forks.is_empty() { Text::one("No forks") } else { text(&shown.forks) }
        })
    }
}

fn shown(one: &Compared) -> ShownFork {
    let lines = one.differing.as_ref().map(|files| {
        files.iter().map(patch::lines).fold((0, 0), |(added, removed), (more, less)| (added + more, removed + less))
    });
    ShownFork {
        name: forks::name(&one.fork),
        workspace: one.fork.fork.clone(),
        branch: one.fork.linked.as_ref().map(|linked| linked.branch.clone()).unwrap_or_default(),
        container: one.container.clone().unwrap_or_default(),
        checkpoint: one.fork.checkpoint.to_string(),
        files: one.differing.as_ref().map(Vec::len),
        added: lines.map(|(added, _)| added),
        removed: lines.map(|(_, removed)| removed),
        commits: one.commits,
        turns: one.said.map(|(turns, _)| turns),
        tokens: one.said.map(|(_, tokens)| tokens),
        seconds: one.seconds,
        status: one.status,
    }
}

fn text(forks: &[ShownFork]) -> Text {
    let row = |fork: &ShownFork| {
        let lines = fork.added.zip(fork.removed).map(|(added, removed)| format!("+{added} -{removed}"));
        [
            fork.name.clone(),
            or_none(fork.files),
            or_none(lines),
            or_none(fork.commits),
            or_none(fork.turns),
            or_none(fork.tokens),
            time(fork.seconds),
            or_none(fork.status),
        ]
    };
    table(["FORK", "FILES", "LINES", "COMMITS", "TURNS", "TOKENS", "TIME", "STATUS"], forks.iter().map(row))
}

/// What is not known.
const NONE: &str = "-";

fn or_none(number: Option<impl ToString>) -> String {
    number.map_or_else(|| NONE.to_owned(), |number| number.to_string())
}

/// `45s`, `12m 5s` or `3h 20m`.
fn time(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {}s", seconds / 60, seconds % 60),
        _ => format!("{}h {}m", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fork(status: Option<u8>) -> ShownFork {
        ShownFork {
            name: "proj-fork-3fa9c1".into(),
            workspace: "/home/u/.cci/worktrees/proj-fork-3fa9c1".into(),
            branch: "cci/fork-3fa9c1".into(),
            container: "cci-9c09f805-1".into(),
            checkpoint: "0001abcdff".into(),
            files: Some(2),
            added: Some(10),
            removed: Some(3),
            commits: Some(1),
            turns: Some(4),
            tokens: None,
            seconds: 125,
            status,
        }
    }

    #[test]
    fn what_is_not_known_is_a_dash() {
        assert_eq!(
            text(&[fork(None), fork(Some(1))]).as_str(),
            "FORK              FILES  LINES   COMMITS  TURNS  TOKENS  TIME   STATUS\n\
             proj-fork-3fa9c1  2      +10 -3  1        4      -       2m 5s  -\n\
             proj-fork-3fa9c1  2      +10 -3  1        4      -       2m 5s  1\n"
        );
    }
}
