//! Brings what a session committed to the parents of its worktrees.

use std::path::Path;

use cci_core::{Error, Result};
use cci_git::worktree as git;

use super::unfit;
use crate::context::Context;
use crate::site::host_path;
use cci_host::git::{Advanced, Shared};
use cci_host::store::session_worktrees::{Part, Worktrees};

/// What became of one branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The parent has what the session has.
    Same,
    /// It was moved to this commit.
    Moved(String),
    /// The session has no such branch any more, or no repository.
    NotThere,
    /// It stays where it is in the parent, although the session has moved it.
    Stays(Advanced),
    /// What the session has is refused.
    Refused(String),
}

/// Brings the branches of the worktrees in this workspace to their parents; nothing in any other workspace.
pub async fn bring_back(cx: &Context) -> Result<Vec<(String, Outcome)>> {
    let (cci_dir, workspace) = (host_path::real(&cx.cci_dir()), host_path::real(cx.workspace.path()));
    cx.scope
        .writing(move || match Worktrees::of(&cci_dir, &workspace)? {
            Some(worktrees) => brought(&cci_dir, &worktrees.name),
            None => Ok(Vec::new()),
        })
        .await
}

/// The same by name: the branch of each worktree, and what became of it.
pub(super) fn brought(cci_dir: &Path, name: &str) -> Result<Vec<(String, Outcome)>> {
    let _lock = Worktrees::lock(cci_dir, name)?;
    let Some(mut worktrees) = Worktrees::named(cci_dir, name)? else { return Ok(Vec::new()) };
    let (mut all, before) = (Vec::new(), worktrees.clone());
    for part in &mut worktrees.repositories {
        let directory = before.directory(cci_dir, part);
        let outcome = one(part, &directory, &before.why())?;
        all.push((part.branch.clone(), outcome));
    }
    if worktrees != before {
        worktrees.note(cci_dir)?;
    }
    Ok(all)
}

fn one(part: &mut Part, directory: &Path, why: &str) -> Result<Outcome> {
    let Some(session) = opened(&directory.join(".git"))? else { return Ok(Outcome::NotThere) };
    let Some(tip) = git::at(&session, &format!("refs/heads/{}", part.branch)) else { return Ok(Outcome::NotThere) };
    let commit = tip.to_string();
    if commit == part.at {
        return Ok(Outcome::Same);
    }
    let failed = |source| Error::Host { step: "change", path: part.common.clone(), source };
    let Some(parent) = Shared::at(&part.common).map_err(failed)? else { return Ok(Outcome::Stays(Advanced::Gone)) };
    match git::bring(&session, &parent, tip) {
        Ok(_) => {}
        Err(fault @ (git::Unfit::Missing { .. } | git::Unfit::Refused { .. } | git::Unfit::Damaged { .. })) => {
            return Ok(Outcome::Refused(fault.to_string()));
        }
        Err(fault) => return Err(unfit("bringing commits to", &part.common)(fault)),
    }
    match parent.advance(&part.branch, &part.at, &commit, why).map_err(failed)? {
        Advanced::Yes => {
            part.at.clone_from(&commit);
            Ok(Outcome::Moved(commit))
        }
        stays => Ok(Outcome::Stays(stays)),
    }
}

/// A directory that a container can have replaced: a link is nothing.
pub(super) fn opened(path: &Path) -> Result<Option<Shared>> {
    match Shared::at(path) {
        Ok(found) => Ok(found),
        Err(source) => Err(Error::Host { step: "open", path: path.to_owned(), source }),
    }
}
