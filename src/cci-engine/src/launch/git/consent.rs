//! What was allowed of a workspace's repository: whatever an agent makes of `.git` after the first launch, nothing else of the host is
//! shown for it.

use std::path::{Path, PathBuf};

use cci_core::host_disk::HostPath;
use cci_core::{Error, Result};
use cci_git::layout::{Changed, Layout, Record};
use cci_guest::GuestText;

use crate::context::Context;
use cci_host::store::allowed_git::AllowedGit;

/// Whether this is the first launch in the workspace: an error if something is found that was not there when it was allowed.
pub(super) fn given(cx: &Context, workspace: &HostPath, layout: &Layout) -> Result<bool> {
    let path = path(cx);
    let now = Record::of(layout);
    let noted = AllowedGit::read(&path, workspace)?;
    let is_first = noted.is_none();
    if let Some(note) = noted {
        let changes = note.git.changes(&now);
        let telling: Vec<&Changed> = changes.iter().filter(|change| change.needs_consent()).collect();
        if !telling.is_empty() {
            return Err(refused(workspace.path(), &telling, &path));
        }
        if changes.is_empty() {
            return Ok(false);
        }
    }
    AllowedGit::write(&path, workspace, now, false)?;
    Ok(is_first)
}

/// Notes what a workspace has of its own, if nothing of it is noted: what leads elsewhere later is compared with that.
pub(super) fn noted(cx: &Context, workspace: &HostPath, layout: &Layout) -> Result<()> {
    let path = path(cx);
    if AllowedGit::read(&path, workspace)?.is_some() {
        return Ok(());
    }
    AllowedGit::write(&path, workspace, Record::of(layout), true)
}

/// Whether what was noted of the workspace is its own.
pub(super) fn was_own(cx: &Context, workspace: &HostPath) -> Result<bool> {
    Ok(AllowedGit::read(&path(cx), workspace)?.is_some_and(|note| note.is_own))
}

fn path(cx: &Context) -> PathBuf {
    AllowedGit::path(&cx.cci_dir(), &cx.workspace)
}

fn refused(workspace: &Path, changes: &[&Changed], note: &Path) -> Error {
    let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
    let problem =
        format!("git in {} is not as it was when it was allowed: {}", GuestText::new(workspace), changes.join("; "));
    let hint =
        format!("an agent can have done that: put it back; if it was you, remove {} and launch again", note.display());
    Error::Forbidden { problem, hint: Some(hint) }
}
