//! Takes the commits of a session into the branches that its repositories are on.

use cci_core::{Error, Result};
use cci_git::worktree::{self as git, Forward};

use super::begin::{head_of, on_branch};
use super::bring::{Outcome, brought};
use super::{not_found, unfit};
use crate::context::Context;
use crate::site::host_path;
use cci_host::git::Shared;
use cci_host::store::session_worktrees::{Part, Worktrees};

/// What became of one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// It has all of it already.
    Nothing,
    /// Its current branch is at this commit now.
    Forward(String),
}

/// Moves the branch that each repository is on forward to the session's commit, with the files of the worktree. A branch with commits of
/// its own is left to git, and so are files with changes of their own.
pub async fn merge(cx: &Context, name: &str) -> Result<Vec<(Part, Merged)>> {
    let cci_dir = host_path::real(&cx.cci_dir());
    if Worktrees::named(&cci_dir, name)?.is_none() {
        return Err(not_found(cx, name));
    }
    let name = name.to_owned();
    cx.scope
        .writing(move || {
            let outcomes = brought(&cci_dir, &name)?;
            let Some(worktrees) = Worktrees::named(&cci_dir, &name)? else { return Ok(Vec::new()) };
            if let Some((branch, Outcome::Refused(why))) =
                outcomes.iter().find(|(_, outcome)| matches!(outcome, Outcome::Refused(_)))
            {
                return Err(Error::StepFailed {
                    step: format!("bringing branch {branch}"),
                    problem: why.clone(),
                    hint: None,
                });
            }
            let why = format!("cci worktree merge {name}");
            worktrees.repositories.into_iter().map(|part| one(&part, &why).map(|merged| (part, merged))).collect()
        })
        .await
}

fn one(part: &Part, why: &str) -> Result<Merged> {
    let failed = |source| Error::Host { step: "change", path: part.common.clone(), source };
    let gone = || failed(std::io::ErrorKind::NotFound.into());
    let parent = Shared::at(&part.common).map_err(failed)?.ok_or_else(gone)?;
    let own = Shared::at(&part.git_dir).map_err(failed)?.ok_or_else(gone)?;
    let Some(top) = &part.top else { return Err(by_git(part, "it has no files to merge into")) };
    let branch = on_branch(&own).ok_or_else(|| by_git(part, "it is on no branch"))?;
    let from = head_of(&own, &parent).ok_or_else(|| by_git(part, "its branch has no commit"))?;
    let to = git::at(&parent, &format!("refs/heads/{}", part.branch));
    let to = to.ok_or_else(|| by_git(part, "the session's branch is gone"))?;
    if from == to || part.at == part.base {
        return Ok(Merged::Nothing);
    }
    let wanted = Forward { repository: &part.common, git_dir: &part.git_dir, files: top, from, to };
    match git::forward(&wanted) {
        Ok(true) => {}
        Ok(false) => return Err(by_git(part, "the two have gone apart")),
        Err(git::Unfit::Changed { path }) => {
            return Err(by_git(part, &format!("{} has changes of its own", path.display())));
        }
        Err(fault) => return Err(unfit("merging into", top)(fault)),
    }
    let short = branch.strip_prefix("refs/heads/").unwrap_or(&branch);
    let (from, to) = (from.to_string(), to.to_string());
    parent.move_branch(short, Some(&from), &to, why).map_err(failed)?;
    own.note_head(Some(&from), &to, why).map_err(failed)?;
    Ok(Merged::Forward(to))
}

fn by_git(part: &Part, why: &str) -> Error {
    let place = part.top.as_ref().unwrap_or(&part.common);
    Error::Usage {
        problem: format!("cannot merge branch '{}' into {}: {why}", part.branch, place.display()),
        hint: Some(format!("merge it with `git -C {} merge {}`", place.display(), part.branch)),
    }
}
