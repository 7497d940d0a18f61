//! What the worktrees of a session borrow. Their `.git` is the agent's to change, so nothing of it is read: what cci noted when it made
//! them counts.

use std::path::{Path, PathBuf};

use cci_core::{Error, Result};
use cci_git::layout::{Layout, Role, Shown, WorksAt};

use cci_host::git::Shared;
use cci_host::store::session_worktrees::Worktrees;

/// The layout of a workspace with such worktrees, and the repositories that are gone. The objects of the others are shown, read-only. The
/// worktrees work wherever the workspace is, because their own repositories are in it.
pub(super) fn layout(workspace: &Path, worktrees: &Worktrees) -> Result<(Layout, Vec<PathBuf>)> {
    let (mut shown, mut gone) = (Vec::new(), Vec::new());
    for part in &worktrees.repositories {
        let path = part.common.join("objects");
        let failed = |source| Error::Host { step: "open", path: path.clone(), source };
        if Shared::at(&path).map_err(failed)?.is_some() {
            shown.push(Shown { path, writable: false, role: Role::Objects });
        } else {
            gone.push(part.common.clone());
        }
    }
    let layout = Layout {
        workspace: workspace.to_owned(),
        repository: None,
        shown,
        stubs: Vec::new(),
        guarded: Vec::new(),
        privates: Vec::new(),
        works_at: WorksAt::Anywhere,
    };
    Ok((layout, gone))
}
