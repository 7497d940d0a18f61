//! What a container has to see besides the workspace, and where: always at the path that it has on the host, because that
//! is what the files of git say, absolute ones at once and relative ones from there.
//!
//! Tried with git 2.47, in a root directory of its own with the same mounts that a container gets:
//!
//! - With only the common directory at its host path, a linked worktree works from any place, but `git worktree prune` removes
//!   the host's record of that very worktree, which is not where the record says, and after that neither side has a repository.
//!   `git worktree repair` writes the container's path into the record.
//! - With the worktree at its host path too, both leave the record alone when they are called there. So that is where an agent
//!   works, and no lock is needed, which would have to be written into the host's repository.
//! - The records of all *other* linked worktrees go the same way: `prune` removes what it does not see, as does `gc` after three
//!   months. Their records mounted read-only make `gc` fail (`cannot lock ref 'worktrees/NAME/HEAD'`, `failed to run reflog`). A
//!   directory with nothing but the `.git` file at the host path of each is enough: `prune`, `gc`, `repair` and `branch -D` keep
//!   the records and say nothing, and `worktree remove` refuses without `--force`.
//! - A submodule works at its host path only (`core.worktree` and `.git` are relative). Where its superproject is the workspace
//!   and a linked worktree, `submodule` works at the host path only, too.
//! - A directory within a repository: with only `.git` beside it git stops at the mount (`GIT_DISCOVERY_ACROSS_FILESYSTEM`) or sees
//!   every other file as deleted. With the whole worktree read-only around it, all work on the directory's files is quiet.

use std::path::{Path, PathBuf};

use super::nested::Nested;
use super::repository::{Link, Repository};

/// A directory of the host that a container sees at the same path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shown {
    /// Where it is, here and there.
    pub path: PathBuf,
    /// Whether the container may write to it.
    pub writable: bool,
    /// What it is.
    pub role: Role,
}

/// What a directory is to git.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The files of the repository around the workspace.
    Around,
    /// The workspace itself.
    Workspace,
    /// What the worktrees of a repository share, or a repository of its own.
    Repository,
    /// Objects that the repository borrows.
    Objects,
}

/// A linked worktree of which a container sees only a `.git` file, so that git there does not forget it here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stub {
    /// The worktree's directory.
    pub path: PathBuf,
    /// What the repository keeps for it, which its `.git` names.
    pub record: PathBuf,
}

impl Stub {
    /// The content of the `.git` where a container sees the record at this place.
    #[must_use]
    pub fn git_file(record: &Path) -> String {
        format!("gitdir: {}\n", record.display())
    }
}

/// What is shown of a repository, in the order in which it is mounted, and the stubs beside it.
pub(super) fn of(workspace: &Path, found: &Repository, nested: &Nested) -> (Vec<Shown>, Vec<Stub>) {
    let mut all = Vec::new();
    let mut show = |path: &Path, writable, role| all.push(Shown { path: path.to_owned(), writable, role });
    let is_in_workspace = |path: &Path| path.starts_with(workspace);
    let part = found.top.as_deref().filter(|top| *top != workspace);
    let out = |path: &&PathBuf| !is_in_workspace(path);
    if let Some(top) = part {
        show(top, false, Role::Around);
    }
    if !is_in_workspace(&found.common) {
        show(&found.common, true, Role::Repository);
    }
    found.alternates.iter().filter(out).for_each(|objects| show(objects, false, Role::Objects));
    let is_named = !matches!(found.link, Link::Plain | Link::Bare)
        || part.is_some()
        || !found.alternates.is_empty()
        || found.siblings.iter().any(|sibling| is_in_workspace(&sibling.top))
        || nested.absolute;
    if is_named {
        show(workspace, true, Role::Workspace);
    }
    all.sort();
    let shown: Vec<Shown> = all.iter().filter(|one| !is_covered(one, &all)).cloned().collect();
    let is_seen = |path: &Path| shown.iter().any(|shown| path.starts_with(&shown.path)) || is_in_workspace(path);
    let holds_shown =
        |path: &Path| workspace.starts_with(path) || shown.iter().any(|shown| shown.path.starts_with(path));
    let stub = |sibling: &super::repository::Sibling| {
        let record = found.common.join("worktrees").join(&sibling.name);
        Stub { path: sibling.top.clone(), record }
    };
    let hidden = found.siblings.iter().filter(|sibling| !is_seen(&sibling.top) && !holds_shown(&sibling.top));
    let stubs = hidden.map(stub).collect();
    (shown, stubs)
}

/// Whether the nearest directory around it is shown in the same way.
fn is_covered(one: &Shown, all: &[Shown]) -> bool {
    let around = all.iter().filter(|other| other.path != one.path && one.path.starts_with(&other.path));
    let nearest = around.max_by_key(|other| other.path.components().count());
    // the workspace is always named: it is where git works
    one.role != Role::Workspace && nearest.is_some_and(|nearest| nearest.writable == one.writable)
}
