//! What was allowed of a workspace's repository: noted on the host at the first launch, and compared at every later one. Whatever
//! an agent makes of `.git` meanwhile, nothing else of the host is shown for it.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use cci_core::host_disk::HostPath;
use cci_core::pin::Pinned;
use cci_core::{Error, Result};
use cci_git::layout::{Changed, Layout, Record};
use cci_guest::GuestText;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use cci_host::store::put::{PRIVATE, atomically, host};

/// What is noted of a workspace.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    /// The directory itself: another one at the same path is not the one that was allowed.
    workspace: Pinned,
    /// Its repository.
    git: Record,
    /// Whether that is the workspace's own, in its `.git`, or there was none.
    #[serde(default)]
    is_own: bool,
}

/// Whether this is the first launch in the workspace: an error if something is found that was not there when it was allowed.
pub(super) fn given(cx: &Context, workspace: &HostPath, layout: &Layout) -> Result<bool> {
    let path = note(cx);
    let now = Record::of(layout);
    let noted = of(cx, workspace)?;
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
    write(&path, workspace, now, false)?;
    Ok(is_first)
}

/// Notes what a workspace has of its own, if nothing of it is noted: what leads elsewhere later is compared with that.
pub(super) fn noted(cx: &Context, workspace: &HostPath, layout: &Layout) -> Result<()> {
    if of(cx, workspace)?.is_some() {
        return Ok(());
    }
    write(&note(cx), workspace, Record::of(layout), true)
}

/// Whether what was noted of the workspace is its own.
pub(super) fn was_own(cx: &Context, workspace: &HostPath) -> Result<bool> {
    Ok(of(cx, workspace)?.is_some_and(|note| note.is_own))
}

/// What is noted of this very directory.
fn of(cx: &Context, workspace: &HostPath) -> Result<Option<Note>> {
    let noted = read(&note(cx))?.filter(|note| note.workspace.source == workspace.as_str());
    Ok(noted.filter(|note| note.workspace.is(workspace.identity())))
}

/// The file with what is noted of the workspace.
fn note(cx: &Context) -> PathBuf {
    cx.cci_dir().join("git").join(format!("{}.json", cx.workspace.hash()))
}

fn refused(workspace: &Path, changes: &[&Changed], note: &Path) -> Error {
    let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
    let problem =
        format!("git in {} is not as it was when it was allowed: {}", GuestText::new(workspace), changes.join("; "));
    let hint =
        format!("an agent can have done that: put it back; if it was you, remove {} and launch again", note.display());
    Error::Forbidden { problem, hint: Some(hint) }
}

/// A note that cannot be understood is one that is refused: it says what was allowed.
fn read(path: &Path) -> Result<Option<Note>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(host("read", path)(error)),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|_| Error::Config {
        problem: format!("{} is damaged", path.display()),
        hint: Some("remove it, and look at the workspace's .git before you launch again".into()),
    })
}

fn write(path: &Path, workspace: &HostPath, git: Record, is_own: bool) -> Result<()> {
    let workspace = Pinned { source: workspace.as_str().to_owned(), identity: workspace.identity() };
    let dir: PathBuf = path.parent().map(Path::to_owned).unwrap_or_default();
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(host("create", &dir))?;
    let text =
        serde_json::to_vec(&Note { workspace, git, is_own }).map_err(|error| Error::Internal(error.to_string()))?;
    atomically(path, &text, PRIVATE)
}
