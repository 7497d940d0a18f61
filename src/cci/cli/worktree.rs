//! `cci worktree`: the worktrees that sessions have of their own.

use std::path::PathBuf;

use cci_core::Result;
use cci_guest::GuestText;
use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCandidates;
use schemars::JsonSchema;
use serde::Serialize;

use super::complete;
use super::json_schema::Described;
use super::output::{Format, FormatArg, print};
use super::verb::{Call, OnIncus, Verb};
use crate::ui::count::count;
use crate::ui::text::Text;
use cci_engine::context::Context;
use cci_engine::roll_back;
use cci_engine::worktree::{self, Ended, Kept, Merged, Reason};
use cci_host::store::session_worktrees::Part;

/// Show, merge and remove the worktrees of sessions
///
/// `cci shell --worktree` makes them: a session works there on a branch of its own, and the repositories that they are of cannot be changed
/// from inside. What it commits is on that branch in the repository after each turn. Of what git ignores a worktree gets the files that
/// `.worktreeinclude` names, copies of the directories in `worktree.copy`, and a read-only view of those in `worktree.link`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cci worktree list\n  cci worktree merge login-2    take its commits into the branch that you are on\n  cci worktree prune            remove those in which nothing is left"
)]
pub(crate) struct WorktreeArgs {
    #[command(subcommand)]
    verb: WorktreeVerb,
}

#[derive(Debug, Subcommand)]
enum WorktreeVerb {
    /// The worktrees, and why each is kept
    #[command(
        after_help = "Examples:\n  cci worktree list\n  cci worktree list --format=json | jq -r '.worktrees[].workspace'"
    )]
    List {
        #[command(flatten)]
        format: FormatArg,
    },
    /// Remove worktrees without a container, changes and unmerged commits
    ///
    /// Their branches go with them if they have no commit; a branch that cci did not make is never removed.
    #[command(after_help = "Examples:\n  cci worktree prune\n  cci worktree prune --format=json | jq -r '.removed[]'")]
    Prune {
        #[command(flatten)]
        format: FormatArg,
    },
    /// Move the current branch of each repository forward to the session's commits
    ///
    /// Where the two have gone apart, or a file has changes of its own, nothing is changed: merge the branch with git then.
    #[command(
        after_help = "Examples:\n  cci worktree merge login-2\n  git merge cci/login-2    the same, where both have new commits"
    )]
    Merge {
        /// The worktrees' name
        #[arg(value_name = "NAME", add = ArgValueCandidates::new(complete::worktrees))]
        name: String,
        #[command(flatten)]
        format: FormatArg,
    },
}

/// What `cci worktree list` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci worktree list")]
struct Listed {
    /// The worktrees, by name.
    worktrees: Vec<Shown>,
}

/// What `cci worktree prune` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci worktree prune")]
struct Pruned {
    /// The names of those that were removed.
    removed: Vec<String>,
    /// Those that are kept.
    kept: Vec<Shown>,
}

/// What `cci worktree merge` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci worktree merge")]
struct ShownMerge {
    /// What became of each repository.
    repositories: Vec<ShownMerged>,
}

/// A repository after a merge.
#[derive(Debug, Serialize, JsonSchema)]
struct ShownMerged {
    /// The repository.
    repository: PathBuf,
    /// The session's branch.
    branch: String,
    /// The commit that its current branch was moved to; empty if it had everything.
    commit: String,
}

/// The worktrees of a session.
#[derive(Debug, Serialize, JsonSchema)]
struct Shown {
    /// Their name.
    name: String,
    /// Where they are.
    workspace: PathBuf,
    /// One for each repository.
    repositories: Vec<ShownPart>,
    /// Why they are kept; empty if `prune` removes them.
    reasons: Vec<String>,
}

/// The worktree of a repository.
#[derive(Debug, Serialize, JsonSchema)]
struct ShownPart {
    /// The repository.
    repository: PathBuf,
    /// The session's branch.
    branch: String,
    /// The commit that it began at.
    base: String,
    /// The commit that the branch has in the repository.
    commit: String,
}

impl Verb for WorktreeArgs {
    const SCHEMAS: &'static [Described] = &[
        Described::new::<Listed>("worktree-list", "the worktrees of sessions"),
        Described::new::<Pruned>("worktree-prune", "the worktrees that were removed and those that are kept"),
        Described::new::<ShownMerge>("worktree-merge", "the branches that were moved forward"),
    ];

    fn format(&self) -> Option<Format> {
        let (WorktreeVerb::List { format } | WorktreeVerb::Prune { format } | WorktreeVerb::Merge { format, .. }) =
            &self.verb;
        Some(format.format)
    }
}

impl OnIncus for WorktreeArgs {
    fn clears_up(&self) -> bool {
        true
    }

    async fn run(self, _: &Call<'_>, cx: &Context) -> Result<u8> {
        match self.verb {
            WorktreeVerb::List { format } => {
                let worktrees = worktree::list(cx).await?.iter().map(shown).collect();
                print(format.format, &Listed { worktrees }, |listed| listed.worktrees.iter().map(line).collect())
            }
            WorktreeVerb::Prune { format } => {
                let ended = worktree::prune(cx).await?;
                let mut pruned = Pruned { removed: Vec::new(), kept: Vec::new() };
                for one in ended {
                    match one {
                        Ended::Removed(name) => pruned.removed.push(name),
                        Ended::Kept(kept) => pruned.kept.push(shown(&kept)),
                    }
                }
                print(format.format, &pruned, |pruned| {
                    let removed = pruned.removed.iter().map(|name| format!("Removed {name}"));
                    removed.chain(pruned.kept.iter().map(line)).collect::<Text>()
                })
            }
            WorktreeVerb::Merge { name, format } => {
                let merged = roll_back::on_failure(cx, worktree::merge(cx, &name)).await?;
                let shown = ShownMerge { repositories: merged.iter().map(merge).collect() };
                print(format.format, &shown, |shown| shown.repositories.iter().map(merge_line).collect())
            }
        }
    }
}

fn shown(kept: &Kept) -> Shown {
    let part = |part: &Part| ShownPart {
        repository: part.top.clone().unwrap_or_else(|| part.common.clone()),
        branch: part.branch.clone(),
        base: part.base.clone(),
        commit: part.at.clone(),
    };
    Shown {
        name: kept.worktrees.name.clone(),
        workspace: kept.workspace.clone(),
        repositories: kept.worktrees.repositories.iter().map(part).collect(),
        reasons: kept.reasons.iter().map(reason).collect(),
    }
}

fn line(shown: &Shown) -> String {
    let why = if shown.reasons.is_empty() { "nothing is left in it".to_owned() } else { shown.reasons.join("; ") };
    format!("{}  {}  {why}", shown.name, GuestText::new(&shown.workspace))
}

/// Why worktrees are kept, in words.
fn reason(reason: &Reason) -> String {
    match reason {
        Reason::InUse => "a container has it".into(),
        Reason::Files { count: files, first } => {
            format!("{} changed or new, such as {}", count(*files, "file", "files"), GuestText::new(first))
        }
        Reason::Commits => "its branch has commits that are not merged".into(),
        Reason::NotBrought(why) => format!("commits did not come to the repository: {why}"),
        Reason::Elsewhere => "there are commits on other branches or stashes".into(),
        Reason::Unknown(why) => format!("it cannot be judged: {why}"),
    }
}

fn merge((part, merged): &(Part, Merged)) -> ShownMerged {
    let commit = match merged {
        Merged::Nothing => String::new(),
        Merged::Forward(commit) => commit.clone(),
    };
    let repository = part.top.clone().unwrap_or_else(|| part.common.clone());
    ShownMerged { repository, branch: part.branch.clone(), commit }
}

fn merge_line(merged: &ShownMerged) -> String {
    let repository = GuestText::new(&merged.repository);
    match merged.commit.get(..10) {
        Some(commit) => format!("{repository} is at {commit} of {}", merged.branch),
        None => format!("{repository} has all of {}", merged.branch),
    }
}

/// Says what became of the worktrees of a session that has ended, if it had some.
pub(crate) async fn tell_end(call: &Call<'_>, cx: &Context) -> Result<()> {
    match worktree::ended(cx).await? {
        None => {}
        // it goes on
        Some(Ended::Kept(kept)) if kept.reasons.contains(&Reason::InUse) => {}
        Some(Ended::Removed(name)) => call.terminal.note(&format!("Worktree {name} removed: nothing was left in it")),
        Some(Ended::Kept(kept)) => {
            let shown = shown(&kept);
            call.terminal.note(&format!("Worktree {} kept in {}", shown.name, GuestText::new(&shown.workspace)));
            for reason in &shown.reasons {
                call.terminal.note(&format!("  {reason}"));
            }
            call.terminal.hint(&format!("take its commits over with `cci worktree merge {}`", shown.name));
        }
    }
    Ok(())
}
