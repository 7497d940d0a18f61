//! Removes the checkpoints and the forks of the bed's project directories, which are among the user's own.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use cci_core::workspace::Workspace;
use cci_core::{Error, Result};

use cci_engine::checkpoint::{forks, roots};
use cci_engine::context::Context;
use cci_host::store::checkpoints::Checkpoints;

/// Removes all of them.
pub(super) async fn remove(cx: &Context, bed: &Path) -> Result<()> {
    let mut done = Ok(());
    for dir in directories(bed)? {
        let cx = Context { workspace: Workspace::at(dir), ..cx.clone() };
        done = done.and(of_workspace(&cx).await);
    }
    done
}

fn directories(bed: &Path) -> Result<Vec<PathBuf>> {
    let unread = |source| Error::Host { step: "read", path: bed.to_owned(), source };
    let entries = std::fs::read_dir(bed).map_err(unread)?;
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(unread)).collect()
}

async fn of_workspace(cx: &Context) -> Result<()> {
    forks::remove(cx, &forks::all(cx).await?).await?;
    let kept = Checkpoints::of(&cx.cci_dir(), &cx.workspace)?;
    for root in kept.records()?.nodes.values().filter_map(|node| node.root.as_ref()) {
        roots::remove(cx, root).await?;
    }
    match std::fs::remove_dir_all(kept.dir()) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(Error::Host { step: "remove", path: kept.dir().to_owned(), source })
        }
        _ => Ok(()),
    }
}
