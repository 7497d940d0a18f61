//! The instant of a checkpoint: the container stands still while it is copied and the files are taken.

use std::sync::Arc;

use cci_core::checkpoint::{CheckpointId, Pool};
use cci_core::{Error, Result};
use cci_git::{Captured, Why};
use cci_guest::standstill::RootState;
use jiff::Timestamp;
use tokio::task::JoinHandle;

use super::contents;
use super::opened::Opened;
use super::root::{self, Copied, Prepared};
use super::seen::{Places, Seen, captured, seen};
use super::subject::Subject;
use super::wanted::Wanted;
use super::watch::{Ended, Standstill, Watch};
use crate::blocking::blocking;
use crate::context::Context;
use crate::event::CheckpointEvent;
use crate::incus_error::DuringStep;
use crate::upkeep::reclaim;

/// The three states at one instant.
pub(super) struct Moment {
    pub(super) at: Timestamp,
    pub(super) seen: Seen,
    pub(super) copied: Option<Copied>,
    /// The container, which still stands still.
    pub(super) standing: Option<Standstill>,
    /// What its root file system was while it stood still, if that can be said.
    pub(super) state: Option<RootState>,
    /// The end of what makes the files safe on the disk, which nothing stands still for.
    synced: JoinHandle<Result<()>>,
}

impl Moment {
    /// Takes them while nothing in the container moves, if it can be brought to stand still.
    pub(super) async fn of(
        cx: &Context,
        opened: &Opened,
        places: &Places,
        root: Option<Prepared>,
        standing: impl Future<Output = Option<Standstill>>,
    ) -> Result<Self> {
        let begun = Timestamp::now();
        let standing = standing.await;
        let now = Timestamp::now();
        // the container's clock is the host's, whatever it says
        let at = standing.as_ref().map_or(now, |standing| standing.at.clamp(begun.min(now), now));
        let files = async {
            let seen = seen(&opened.store, places).await?;
            let store = Arc::clone(&opened.store);
            let synced = tokio::spawn(blocking(move || store.sync().map_err(contents::failed)));
            Ok((seen, synced))
        };
        let (copied, files) = tokio::join!(copied(cx, root), files);
        let (copied, (seen, synced)) = (copied?, files?);
        Ok(Self { at, seen, copied, standing, state: None, synced })
    }

    /// Lets everything go on; returns what can still say whether the container has changed.
    pub(super) async fn over(&mut self) -> Option<Watch> {
        let Ended { stood_still, state, watch } = self.standing.take()?.end().await;
        self.state = state;
        tracing::info!(stood_still, "the instant of the checkpoint is over");
        watch
    }

    /// Makes the container stand still once more, and looks at the files again: nothing else in it has changed since.
    pub(super) async fn renewed(&mut self, opened: &Opened, places: &Places, watch: Option<Watch>) -> Result<()> {
        self.standing = halted(watch).await;
        self.seen = seen(&opened.store, places).await?;
        Ok(())
    }

    /// Takes over what only the container's root could read, once nothing has to stand still for it, and waits until all
    /// that was seen is safe on the disk.
    pub(super) async fn completed(&mut self, cx: &Context, opened: &Opened, places: &Places) -> Result<()> {
        (&mut self.synced).await.unwrap_or_else(|error| Err(Error::Internal(error.to_string())))?;
        if self.seen.workspace.not_held.iter().any(|one| one.why == Why::Unreadable) {
            self.over().await;
            if let Some(readable) = taken_over(cx, opened, places).await? {
                self.seen.workspace = readable;
            }
        }
        let store = Arc::clone(&opened.store);
        blocking(move || store.sync().map_err(contents::failed)).await
    }
}

/// Makes a container stand still that goes on afterwards.
pub(super) async fn stilled(watch: Option<Watch>) -> Option<Standstill> {
    watch?.still().await
}

/// Makes one stand still that ends next.
pub(super) async fn halted(watch: Option<Watch>) -> Option<Standstill> {
    watch?.halt().await
}

/// The container whose root file system is taken too; where a copy takes as much room as the original, only on demand.
pub(super) async fn root_of(
    cx: &Context,
    subject: &Subject,
    wanted: &Wanted,
    id: &CheckpointId,
) -> Result<Option<Prepared>> {
    let Some(owned) = &subject.container else { return Ok(None) };
    let root = root::subject_of(owned.clone());
    if wanted.is_automatic() && root::pool(cx, &root).await? == Pool::Full {
        cx.emit(CheckpointEvent::ContainerNotHeld { container: owned.instance.name.clone() });
        return Ok(None);
    }
    root::prepared(cx, &root, id).await.map(Some)
}

/// The part of the container; an ephemeral one may end at any moment.
async fn copied(cx: &Context, root: Option<Prepared>) -> Result<Option<Copied>> {
    let Some(root) = root else { return Ok(None) };
    match root::copied(root).await {
        Err(Error::ContainerNotFound { name }) => match cx.client.instance(&name).await {
            Err(error) if error.is_not_found() => Ok(None),
            // something else that the copy needs was not found
            found => found.during("copy the container").and(Err(Error::StepFailed {
                step: "copying the container".into(),
                problem: format!("Incus does not find what it needs to copy container {name}"),
                hint: Some("`cci doctor` looks at storage pools and projects".into()),
            })),
        },
        copied => copied.map(Some),
    }
}

/// What can be seen once the files that only a container's root could read belong to the caller.
async fn taken_over(cx: &Context, opened: &Opened, places: &Places) -> Result<Option<Captured>> {
    match reclaim::reclaim(cx).await {
        Ok(0) => Ok(None),
        Ok(files) => {
            cx.emit(CheckpointEvent::TakenOver { files });
            captured(&opened.store, &places.workspace).await.map(Some)
        }
        Err(Error::Interrupted) => Err(Error::Interrupted),
        Err(error) => {
            cx.emit(CheckpointEvent::NotTakenOver(error));
            Ok(None)
        }
    }
}
