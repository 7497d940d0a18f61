//! The state of git of a fork that is a linked worktree: what the repository of its origin keeps for it. It is no file of
//! the workspace, and belongs to its checkpoints all the same.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cci_core::checkpoint::{self, Node};
use cci_core::{Error, Result};
use cci_git::{Capture, Restore, Snapshot, Store};

use super::contents;
use crate::blocking::blocking;
use crate::context::Context;
use crate::site::host_path;
use cci_host::git::Shared;
use cci_host::store::checkpoints::{Checkpoints, Worktree};

/// What belongs to the place of a worktree and not to its state, and its history, which only grows.
const OF_PLACE: [&str; 5] = ["/commondir", "/gitdir", "/locked", "/logs", "*.lock"];
/// What in a workspace belongs to its forks: no rewind of the origin touches it.
pub(crate) const OF_FORKS: [&str; 3] = [
    "/.git/worktrees/*-fork-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]",
    "/.git/refs/heads/cci/fork-*",
    "/.git/logs/refs/heads/cci/fork-*",
];
/// What a workspace has its repository in, or a file that says where it is.
pub(crate) const GIT: &str = ".git";
/// Files of a repository that make up its state besides the commit that it is at: of a merge and of a picked commit.
const STATE: [&str; 9] = [
    "index",
    "info/sparse-checkout",
    "MERGE_HEAD",
    "MERGE_MSG",
    "MERGE_MODE",
    "AUTO_MERGE",
    "ORIG_HEAD",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
];

/// How this workspace is linked to a repository, if it is a fork that is.
pub(crate) fn worktree(cx: &Context) -> Result<Option<Worktree>> {
    Ok(Checkpoints::origin_of(&cx.cci_dir(), &cx.workspace)?.and_then(|origin| origin.linked))
}

/// Takes the state into the store; nothing if the repository has lost it.
pub(crate) fn captured(store: &Store, worktree: &Worktree) -> Result<Option<checkpoint::Linked>> {
    let Some((repository, state)) = opened(worktree)? else { return Ok(None) };
    let Some(commit) = cci_git::commit_of(&repository, Some(&worktree.name)) else { return Ok(None) };
    let ignore = OF_PLACE.map(str::to_owned);
    let how = Capture { ignore: &ignore, max_file: u64::MAX, cache: None };
    let Snapshot { tree, stat } = store.capture(&state, &how).map_err(contents::failed)?.snapshot;
    Ok(Some(checkpoint::Linked { tree: tree.to_string(), stat: stat.to_string(), commit }))
}

/// Brings the state back, and the fork's branch with it if that is the one it is on.
pub(crate) async fn restore(cx: &Context, store: &Arc<Store>, git: &checkpoint::Linked, label: &str) -> Result<()> {
    let Some(worktree) = worktree(cx)? else { return Ok(()) };
    let (store, git, label) = (Arc::clone(store), git.clone(), label.to_owned());
    cx.scope
        .writing(move || {
            let Some((repository, state)) = opened(&worktree)? else { return Ok(()) };
            let from = cci_git::commit_of(&repository, Some(&worktree.name));
            let to = contents::snapshot(&git.tree, &git.stat)?;
            let ignore = OF_PLACE.map(str::to_owned);
            let how = Restore { ignore: &ignore, max_file: u64::MAX, cache: None, except: &[], reflog: "" };
            store.restore(&state, &to, &how).map_err(contents::failed)?;
            let on = text(&store, &to, "HEAD")?.unwrap_or_default();
            if on.trim_end() == format!("ref: refs/heads/{}", worktree.branch) {
                let moved = repository.move_branch(&worktree.branch, from.as_deref(), &git.commit, &label);
                moved.map_err(failed(&worktree.repository))?;
            }
            Ok(())
        })
        .await
}

/// Makes a workspace's own repository what that of a fork is: the same commit on the current branch, the same index.
pub(crate) async fn adopt(cx: &Context, store: &Arc<Store>, git: &checkpoint::Linked, label: &str) -> Result<()> {
    let workspace = host_path::real_workspace(cx).await?;
    let (store, git, label) = (Arc::clone(store), git.clone(), label.to_owned());
    cx.scope
        .writing(move || {
            let path = workspace.join(GIT);
            let Some(repository) = Shared::at(&path).map_err(failed(&path))? else { return Ok(()) };
            let from = cci_git::commit_of(&repository, None);
            repository.move_head(from.as_deref(), &git.commit, &label).map_err(failed(&path))?;
            for (name, content) in state(&store, &contents::snapshot(&git.tree, &git.stat)?, Path::new(""))? {
                repository.put(&name.to_string_lossy(), &content).map_err(failed(&path))?;
            }
            Ok(())
        })
        .await
}

/// The commits that the forks of a workspace are at, before its branches are brought back: some of them may be in one
/// file with theirs.
pub(crate) async fn forks_at(cx: &Context) -> Result<Vec<(Worktree, String)>> {
    let (cci_dir, workspace) = (cx.cci_dir(), cx.workspace.path().to_owned());
    blocking(move || {
        let forks = Checkpoints::forks(&cci_dir)?.into_iter().filter(|fork| fork.workspace == workspace);
        let at = |worktree: Worktree| {
            let repository = Shared::at(&worktree.repository).map_err(failed(&worktree.repository))?;
            let commit = repository.and_then(|repository| cci_git::commit_of(&repository, Some(&worktree.name)));
            Ok(commit.map(|commit| (worktree, commit)))
        };
        forks.filter_map(|fork| fork.linked).filter_map(|worktree| at(worktree).transpose()).collect()
    })
    .await
}

/// Puts the forks back to these commits.
pub(crate) async fn keep_forks(cx: &Context, forks: Vec<(Worktree, String)>) -> Result<()> {
    cx.scope
        .writing(move || {
            for (worktree, commit) in forks {
                let failed = failed(&worktree.repository);
                let Some(repository) = Shared::at(&worktree.repository).map_err(&failed)? else { continue };
                if cci_git::commit_of(&repository, Some(&worktree.name)).as_ref() != Some(&commit) {
                    repository.keep(&worktree.name, &commit, "cci keeps a fork").map_err(&failed)?;
                }
            }
            Ok(())
        })
        .await
}

/// What a worktree of its own has to have to be as a checkpoint is: the commit, and files by their place.
pub(crate) struct State {
    pub(crate) commit: String,
    pub(crate) files: Vec<(PathBuf, Vec<u8>)>,
}

/// Why a fork gets a repository of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apart {
    /// There is none.
    NoRepository,
    /// It is somewhere else: `.git` is a file or a link.
    Elsewhere,
    /// It had no commit then, or has lost it.
    NoCommit,
    /// It has submodules, whose places it notes.
    Submodules,
    /// It cannot be mounted where git looks for it.
    Place,
}

/// The state of git that a checkpoint holds, if a linked worktree can have it.
pub(crate) async fn of_node(store: &Arc<Store>, node: &Node) -> Result<std::result::Result<State, Apart>> {
    let (store, node) = (Arc::clone(store), node.clone());
    blocking(move || {
        if let Some(git) = &node.git {
            let files = state(&store, &contents::snapshot(&git.tree, &git.stat)?, Path::new(""))?;
            return Ok(Ok(State { commit: git.commit.clone(), files }));
        }
        let Some(tree) = &node.tree else { return Ok(Err(Apart::NoRepository)) };
        let (snapshot, git) = (contents::snapshot(&tree.tree, &tree.stat)?, Path::new(GIT));
        let Some(found) = store.find(&snapshot, git).map_err(contents::failed)? else {
            return Ok(Err(Apart::NoRepository));
        };
        if found.id.is_some() {
            return Ok(Err(Apart::Elsewhere));
        }
        if !store.names(&snapshot, &git.join("modules")).map_err(contents::failed)?.is_empty() {
            return Ok(Err(Apart::Submodules));
        }
        let Some(commit) = store.commit(&snapshot, git).map_err(contents::failed)? else {
            return Ok(Err(Apart::NoCommit));
        };
        Ok(Ok(State { commit, files: state(&store, &snapshot, git)? }))
    })
    .await
}

/// Whether a checkpoint holds a repository of the workspace's own.
pub(crate) async fn has_own(store: &Arc<Store>, node: &Node) -> Result<bool> {
    let (store, tree) = (Arc::clone(store), node.tree.clone());
    blocking(move || {
        let Some(tree) = tree else { return Ok(false) };
        let snapshot = contents::snapshot(&tree.tree, &tree.stat)?;
        let found = store.find(&snapshot, Path::new(GIT)).map_err(contents::failed)?;
        Ok(found.is_some_and(|found| found.id.is_none()))
    })
    .await
}

/// The files in a directory of a snapshot that make up the state.
fn state(store: &Store, snapshot: &Snapshot, below: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let names = store.names(snapshot, below).map_err(contents::failed)?;
    let shared = names.into_iter().map(PathBuf::from).filter(|name| name.to_string_lossy().starts_with("sharedindex."));
    let mut files = Vec::new();
    for name in STATE.iter().map(PathBuf::from).chain(shared) {
        if let Some(content) = read(store, snapshot, &below.join(&name))? {
            files.push((name, content));
        }
    }
    Ok(files)
}

fn read(store: &Store, snapshot: &Snapshot, path: &Path) -> Result<Option<Vec<u8>>> {
    let found = store.find(snapshot, path).map_err(contents::failed)?;
    let is_file = |mode: u32| mode & 0o170_000 == 0o100_000;
    let id = found.filter(|found| is_file(found.mode)).and_then(|found| found.id);
    id.map(|id| store.read(id).map_err(contents::failed)).transpose()
}

fn text(store: &Store, snapshot: &Snapshot, name: &str) -> Result<Option<String>> {
    Ok(read(store, snapshot, Path::new(name))?.and_then(|bytes| String::from_utf8(bytes).ok()))
}

/// The repository, and what it keeps for a worktree.
fn opened(worktree: &Worktree) -> Result<Option<(Shared, OwnedFd)>> {
    let failed = failed(&worktree.repository);
    let Some(repository) = Shared::at(&worktree.repository).map_err(&failed)? else { return Ok(None) };
    let state = repository.state_of(&worktree.name).map_err(&failed)?;
    Ok(state.map(|state| (repository, state)))
}

fn failed(path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Host { step: "change", path: path.clone(), source }
}
