//! The end of a session's worktrees: what is as it was made goes, and everything else is kept and named.

use std::path::{Path, PathBuf};

use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use cci_git::worktree as git;

use super::begin::head_of;
use super::bring::{Outcome, brought, opened};
use super::unfit;
use crate::blocking::blocking;
use crate::checkpoint::subject;
use crate::context::Context;
use crate::instance::ownership::{self, Whose};
use crate::session::shutdown;
use crate::site::host_path;
use cci_host::git::{Advanced, Shared};
use cci_host::store::session_worktrees::{Part, Worktrees};

/// Why worktrees are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A container has them.
    InUse,
    /// Files are changed or new.
    Files {
        /// How many.
        count: usize,
        /// One of them.
        first: PathBuf,
    },
    /// The branch has commits of the session that are not merged.
    Commits,
    /// The parent does not have the session's commits.
    NotBrought(String),
    /// Something is committed beside the branch, or stashed.
    Elsewhere,
    /// What is there cannot be judged.
    Unknown(String),
}

/// Worktrees of a session as they are now.
#[derive(Debug, Clone)]
pub struct Kept {
    /// What cci notes of them.
    pub worktrees: Worktrees,
    /// Where they are.
    pub workspace: PathBuf,
    /// Why they are kept; nothing if they could go.
    pub reasons: Vec<Reason>,
}

/// What became of worktrees.
#[derive(Debug, Clone)]
pub enum Ended {
    /// They were as they were made, and are gone.
    Removed(String),
    /// They are kept.
    Kept(Kept),
}

/// All of the caller's, with why each is kept.
pub async fn list(cx: &Context) -> Result<Vec<Kept>> {
    let used = used(cx).await?;
    let cci_dir = host_path::real(&cx.cci_dir());
    cx.scope
        .writing(move || Worktrees::all(&cci_dir)?.into_iter().map(|one| looked(&cci_dir, one, &used)).collect())
        .await
}

/// Removes all that can go; what is kept is returned as well.
pub async fn prune(cx: &Context) -> Result<Vec<Ended>> {
    let mut all = Vec::new();
    for kept in list(cx).await? {
        all.push(gone(cx, kept).await?);
    }
    Ok(all)
}

/// Ends the worktrees in this workspace, if it has some and no container is in it.
pub async fn ended(cx: &Context) -> Result<Option<Ended>> {
    let (cci_dir, workspace) = (host_path::real(&cx.cci_dir()), host_path::real(cx.workspace.path()));
    let found = blocking({
        let cci_dir = cci_dir.clone();
        move || Worktrees::of(&cci_dir, &workspace)
    });
    let Some(worktrees) = found.await? else { return Ok(None) };
    down(cx).await?;
    let used = used(cx).await?;
    let kept = cx.scope.writing(move || looked(&cci_dir, worktrees, &used)).await?;
    gone(cx, kept).await.map(Some)
}

async fn gone(cx: &Context, kept: Kept) -> Result<Ended> {
    if !kept.reasons.is_empty() {
        return Ok(Ended::Kept(kept));
    }
    let cci_dir = host_path::real(&cx.cci_dir());
    let worktrees = kept.worktrees;
    cx.scope
        .writing(move || {
            let _lock = Worktrees::lock(&cci_dir, &worktrees.name)?;
            worktrees.remove(&cci_dir)?;
            Ok(Ended::Removed(worktrees.name))
        })
        .await
}

/// Waits for the containers of this workspace that are shutting down: an ephemeral one is gone then.
async fn down(cx: &Context) -> Result<()> {
    for owned in subject::containers(cx).await? {
        let name = &owned.instance.name;
        if shutdown::is_going_down(cx, name).await {
            shutdown::wait_until_down(cx, name).await?;
        }
    }
    Ok(())
}

/// The workspaces that a container has, running or stopped.
async fn used(cx: &Context) -> Result<Vec<PathBuf>> {
    let all = ownership::all_of(cx, Whose::Own).await?;
    Ok(all.into_iter().filter_map(|owned| owned.marks.workspace).map(|path| host_path::real(&path)).collect())
}

/// Brings what is to be brought, and looks at what is left.
fn looked(cci_dir: &Path, worktrees: Worktrees, used: &[PathBuf]) -> Result<Kept> {
    let brought = brought(cci_dir, &worktrees.name)?;
    let worktrees = Worktrees::named(cci_dir, &worktrees.name)?.unwrap_or(worktrees);
    let workspace = Workspace::at(worktrees.workspace(cci_dir)).path().to_owned();
    let mut reasons = Vec::new();
    if used.contains(&workspace) {
        reasons.push(Reason::InUse);
    }
    for (part, (_, outcome)) in worktrees.repositories.iter().zip(brought) {
        reasons.extend(reason(&outcome));
        match left(&worktrees.directory(cci_dir, part), part) {
            Ok(further) => reasons.extend(further),
            Err(error) => reasons.push(Reason::Unknown(error.to_string())),
        }
    }
    if worktrees.repositories.len() > 1
        && let Some(first) = beside(&workspace, &worktrees)
    {
        reasons.push(Reason::Files { count: 1, first });
    }
    reasons.dedup();
    Ok(Kept { worktrees, workspace, reasons })
}

fn reason(outcome: &Outcome) -> Option<Reason> {
    match outcome {
        Outcome::Same | Outcome::Moved(_) | Outcome::NotThere => None,
        Outcome::Stays(Advanced::Gone) => Some(Reason::NotBrought("its branch is gone from the repository".into())),
        Outcome::Stays(Advanced::CheckedOut) => {
            Some(Reason::NotBrought("its branch is checked out on this host".into()))
        }
        Outcome::Stays(_) => Some(Reason::NotBrought("its branch was moved on this host".into())),
        Outcome::Refused(why) => Some(Reason::NotBrought(why.clone())),
    }
}

fn left(directory: &Path, part: &Part) -> Result<Vec<Reason>> {
    let mut reasons = Vec::new();
    let failed = |source| Error::Host { step: "open", path: part.common.clone(), source };
    let Some(parent) = Shared::at(&part.common).map_err(failed)? else {
        return Ok(vec![Reason::Unknown(format!("{} is gone", part.common.display()))]);
    };
    if part.at != part.base && !is_merged(part, &parent).map_err(unfit("looking at", &part.common))? {
        reasons.push(Reason::Commits);
    }
    // one that is gone holds nothing
    let Some(worktree) = opened(directory)? else { return Ok(reasons) };
    let base = part.base.parse().map_err(|_| Error::Internal("a commit has no id".into()))?;
    let left = git::left(&worktree, &parent, &part.branch, base, part.exclude.as_bytes())
        .map_err(unfit("looking at", directory))?;
    if left.elsewhere {
        reasons.push(Reason::Elsewhere);
    }
    if let Some(first) = left.first {
        reasons.push(Reason::Files { count: left.files, first: Path::new(&part.place).join(first) });
    }
    Ok(reasons)
}

/// Whether the user's own worktree has all the commits of the session.
fn is_merged(part: &Part, parent: &Shared) -> std::result::Result<bool, git::Unfit> {
    let own = Shared::at(&part.git_dir).ok().flatten();
    let head = own.and_then(|own| head_of(&own, parent));
    let (Some(head), Ok(at)) = (head, part.at.parse()) else { return Ok(false) };
    git::is_merged(parent, at, head)
}

/// Something in the workspace that is in none of its worktrees.
fn beside(workspace: &Path, worktrees: &Worktrees) -> Option<PathBuf> {
    let listed = std::fs::read_dir(workspace).ok()?;
    let names = listed.filter_map(std::result::Result::ok).map(|entry| entry.file_name());
    let known = |name: &std::ffi::OsString| worktrees.repositories.iter().any(|part| *name == *part.place);
    names.into_iter().find(|name| !known(name)).map(PathBuf::from)
}
