//! What the worktrees of a session borrow. Their `.git` is the agent's to change, so nothing of it is read: what cci noted when it made
//! them counts.

use std::path::{Path, PathBuf};

use cci_core::mount::{Mount, Protected};
use cci_core::{Error, Result, git_device};
use cci_git::layout::{Layout, Role, Shown, WorksAt};

use cci_guest::layout::WORKSPACE;
use cci_host::git::Shared;
use cci_host::store::session_worktrees::Worktrees;

use super::view::{exactly, text};

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

/// The mounts by which such worktrees have directories of the user's own, and these; what is gone there is left out. Nobody writes through
/// them, and the session's part of the path, where an agent can have put a link, has to be a directory.
pub(super) fn linked(
    workspace: &Path,
    worktrees: &Worktrees,
    protected: &[Protected],
) -> Vec<(Result<Mount>, PathBuf)> {
    let tops = worktrees.repositories.iter().filter_map(|part| Some((part, part.top.as_ref()?)));
    let all = tops.flat_map(|(part, top)| {
        part.linked.iter().map(move |path| (Path::new(&part.place).join(path), top.join(path)))
    });
    let there = all.filter(|(_, source)| source.symlink_metadata().is_ok());
    let mount = |(number, (inside, source)): (usize, (PathBuf, PathBuf))| {
        let mount = exactly(&workspace.join(&inside), protected).and_then(|_| {
            let container = text(&Path::new(WORKSPACE).join(&inside))?;
            let source = exactly(&source, protected)?;
            Ok(Mount { device: git_device::linked(number), source, container, readonly: true })
        });
        (mount, source)
    };
    there.enumerate().map(mount).collect()
}
