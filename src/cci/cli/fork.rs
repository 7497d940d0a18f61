//! `cci fork`: opens a checkpoint in new workspaces, and removes those that were made so.

use std::path::PathBuf;

use cci_core::{Error, Result};
use cci_guest::GuestText;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use schemars::JsonSchema;
use serde::Serialize;

use super::complete;
use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::{Format, FormatArg, print};
use super::question::Question;
use super::shell::slot;
use super::verb::{Call, OnIncus, Verb};
use crate::supervisor;
use crate::ui::count::count;
use crate::ui::terminal::Terminal;
use crate::ui::text::Text;
use cci_engine::checkpoint::fork::{self, Asked, Forked, MOST};
use cci_engine::checkpoint::forks::{self, Removed};
use cci_engine::context::Context;
use cci_engine::launch::environment;
use cci_engine::roll_back;
use cci_host::settings::Trust;

/// Open a checkpoint in new workspaces, side by side
#[derive(Debug, Args)]
#[command(
    after_help = "A fork is a workspace in ~/.cci/worktrees. In a git repository it is a linked worktree on a branch cci/fork-..., else a copy. It stays until it is removed with --remove; `cci kill` ends its container only.\n\nExamples:\n  cci fork                              of now\n  cci fork 3fa9c1 -n 3                  three of this checkpoint\n  cci fork --prompt 'use a hash map' --prompt 'use a tree'\n                                        two, each with its own prompt\n  cci fork --remove proj-fork-3fa9c1    remove it with its container and its worktree"
)]
pub(crate) struct ForkArgs {
    /// The checkpoint: its id, the first digits of it, or ~N for N back; without it, one of now
    #[arg(value_name = "ID|~N", add = ArgValueCandidates::new(complete::checkpoints))]
    of: Option<String>,
    /// How many forks, 1 to 10; without it, one for each prompt
    #[arg(short, long, value_name = "N")]
    number: Option<usize>,
    /// What the agents are told first; given several times, each is told its own
    #[arg(long, value_name = "TEXT")]
    prompt: Vec<String>,
    /// Remove these forks with their containers; commits stay on their branches
    #[arg(long, value_name = "NAME", num_args = 1.., conflicts_with_all = ["of", "number", "prompt"], add = ArgValueCandidates::new(complete::forks))]
    remove: Vec<String>,
    /// Do not ask before removing
    #[arg(long, short, requires = "remove")]
    yes: bool,
    #[command(flatten)]
    format: FormatArg,
}

/// What `--format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci fork")]
struct Shown {
    /// The forks that were made.
    forks: Vec<ShownFork>,
    /// The forks that were removed.
    removed: Vec<ShownRemoved>,
}

/// A fork.
#[derive(Debug, Serialize, JsonSchema)]
struct ShownFork {
    /// Its name.
    name: String,
    /// Its workspace.
    workspace: PathBuf,
    /// Its branch in the repository of the origin; empty if it is none.
    branch: String,
    /// Its container.
    container: String,
    /// Its conversation.
    session_id: String,
    /// The checkpoint that it was made of.
    checkpoint: String,
    /// Whether its agent took the prompt; true if there was none.
    prompted: bool,
}

/// A fork that was removed.
#[derive(Debug, Serialize, JsonSchema)]
struct ShownRemoved {
    /// Its name.
    name: String,
    /// The containers that were removed with it.
    containers: Vec<String>,
    /// Its branch, if it has commits of its own and stays; else empty.
    branch: String,
}

impl Verb for ForkArgs {
    const SCHEMAS: &'static [Described] = &[Described::new::<Shown>("fork", "the forks that were made or removed")];

    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[LaunchFlag::Workspace, LaunchFlag::Slot, LaunchFlag::Env, LaunchFlag::EnvFile, LaunchFlag::Config]
    }

    fn format(&self) -> Option<Format> {
        Some(self.format.format)
    }
}

impl OnIncus for ForkArgs {
    const ROLLED_BACK: bool = false;

    fn trust(&self) -> Trust {
        Trust::Judged
    }

    fn clears_up(&self) -> bool {
        true
    }

    async fn run(self, call: &Call<'_>, cx: &Context) -> Result<u8> {
        if !self.remove.is_empty() {
            return self.remove(call, cx).await;
        }
        let asked = self.asked()?;
        let cx = &environment::resolved(cx).await?;
        let forking = fork::fork(cx, slot(call.flags.launch.slot)?, &asked);
        // it has to hear of the sessions before their first turn
        let made = supervisor::beside(cx, forking, |made| made.iter().map(|fork| fork.session).collect()).await?;
        let made = fork::prompt(cx, made, &asked.prompts).await;
        let failed = made.iter().filter(|fork| !fork.prompted).count();
        let shown = Shown { forks: made.iter().map(shown).collect(), removed: Vec::new() };
        print(self.format.format, &shown, |shown| shown.forks.iter().map(line).collect())?;
        if let Some(first) = made.first() {
            call.terminal.hint(&format!("go to it with `cci attach {}`", first.container));
            call.terminal.hint("see what becomes of them with `cci compare`, and take one over with `cci adopt NAME`");
        }
        if failed > 0 { Err(Error::Partly { failed, asked: made.len() }) } else { Ok(0) }
    }
}

impl ForkArgs {
    fn asked(&self) -> Result<Asked> {
        let number = self.number.unwrap_or(self.prompt.len().max(1));
        if number == 0 || number > MOST {
            return Err(Error::usage(format!("invalid number '{number}': 1 to {MOST} forks can be made at once")));
        }
        if self.prompt.len() > 1 && self.prompt.len() != number {
            let problem = format!("{} prompts for {}", self.prompt.len(), count(number, "fork", "forks"));
            let hint = Some("give one prompt for all, or one for each".to_owned());
            return Err(Error::Usage { problem, hint });
        }
        Ok(Asked { of: self.of.clone(), number, prompts: self.prompt.clone() })
    }

    async fn remove(&self, call: &Call<'_>, cx: &Context) -> Result<u8> {
        let chosen = forks::chosen(cx, &self.remove).await?;
        let names: Vec<String> = chosen.iter().map(forks::name).collect();
        let question = format!("remove {} fork(s) with all their files: {}", names.len(), names.join(", "));
        let question = Question { text: &question, act: &question, flag: "--yes" };
        if !self.yes && !question.confirmed(call.terminal).await? {
            return Terminal::result(&Text::one("Cancelled.")).map(|()| 0);
        }
        let removed = roll_back::on_failure(cx, forks::remove(cx, &chosen)).await?;
        let shown = Shown { forks: Vec::new(), removed: removed.into_iter().map(shown_removed).collect() };
        print(self.format.format, &shown, |shown| {
            shown.removed.iter().map(|one| format!("Removed {}{}", one.name, staying(one))).collect()
        })?;
        Ok(0)
    }
}

fn shown(fork: &Forked) -> ShownFork {
    ShownFork {
        name: fork.name.clone(),
        workspace: fork.workspace.clone(),
        branch: fork.branch.clone().unwrap_or_default(),
        container: fork.container.clone(),
        session_id: fork.session.to_string(),
        checkpoint: fork.checkpoint.to_string(),
        prompted: fork.prompted,
    }
}

fn shown_removed(removed: Removed) -> ShownRemoved {
    ShownRemoved { name: removed.name, containers: removed.containers, branch: removed.branch.unwrap_or_default() }
}

fn line(fork: &ShownFork) -> String {
    let branch = if fork.branch.is_empty() { "-" } else { &fork.branch };
    format!("{} {} {branch} {}", fork.name, GuestText::new(&fork.workspace), fork.container)
}

fn staying(removed: &ShownRemoved) -> String {
    if removed.branch.is_empty() { String::new() } else { format!(" (its commits are on branch {})", removed.branch) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(number: Option<usize>, prompts: &[&str]) -> Result<Asked> {
        let prompt = prompts.iter().map(|prompt| (*prompt).to_owned()).collect();
        let format = FormatArg { format: Format::Text };
        ForkArgs { of: None, number, prompt, remove: Vec::new(), yes: false, format }.asked()
    }

    #[test]
    fn there_is_one_fork_for_each_prompt_or_one_prompt_for_all() {
        assert_eq!(asked(None, &[]).unwrap().number, 1);
        assert_eq!(asked(None, &["a", "b"]).unwrap().number, 2);
        assert_eq!(asked(Some(3), &["a"]).unwrap().number, 3);
        for (number, prompts) in [(Some(3), &["a", "b"][..]), (Some(0), &[]), (Some(11), &[])] {
            assert_eq!(asked(number, prompts).unwrap_err().exit(), 2);
        }
    }
}
