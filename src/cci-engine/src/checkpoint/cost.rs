//! What a checkpoint of a container costs where the storage pool copies every file: told before the first one.

use cci_core::Result;
use cci_core::checkpoint::Pool;
use cci_core::slot::SlotChoice;

use super::opened::{self, Opened};
use super::root;
use super::subject::{self, Subject};
use super::take::{self, Taken};
use super::wanted::Wanted;
use crate::context::Context;
use crate::event::CheckpointEvent;
use crate::instance::ownership;

/// Takes the checkpoint that a person asks for, of what is in a slot or of the only session of the workspace.
pub async fn take_by_hand(cx: &Context, slot: SlotChoice, wanted: &Wanted) -> Result<Taken> {
    let subject = subject::find(cx, slot).await?;
    let mut opened = Opened::of(cx).await?;
    if !has_told(&opened) {
        tell(cx, &subject).await?;
    }
    take::take_of(cx, &mut opened, &subject, wanted, None).await
}

/// Tells what it costs to take one of a container of this workspace, before the first one that holds a container.
pub(crate) async fn tell_once_of(cx: &Context, container: &str) -> Result<()> {
    let (nodes, _) = opened::read(cx).await?;
    if nodes.values().any(|node| node.root.is_some()) {
        return Ok(());
    }
    tell(cx, &subject::of_container(cx, ownership::one(cx, container).await?).await?).await.map(drop)
}

/// The same of a subject; returns what its pool does with a copy.
pub(crate) async fn tell_once(cx: &Context, opened: &Opened, subject: &Subject) -> Result<Pool> {
    if has_told(opened) { pool(cx, subject).await } else { tell(cx, subject).await }
}

/// Whether a container has been copied before.
fn has_told(opened: &Opened) -> bool {
    opened.nodes.values().any(|node| node.root.is_some())
}

async fn tell(cx: &Context, subject: &Subject) -> Result<Pool> {
    let pool = pool(cx, subject).await?;
    if let Some(owned) = subject.container.as_ref().filter(|_| pool == Pool::Full) {
        cx.emit(CheckpointEvent::CopiesInFull { container: owned.instance.name.clone() });
    }
    Ok(pool)
}

/// What the pool of its container does; without one nothing is copied.
async fn pool(cx: &Context, subject: &Subject) -> Result<Pool> {
    match &subject.container {
        Some(owned) => root::pool(cx, &root::subject_of(owned.clone())).await,
        None => Ok(Pool::CopyOnWrite),
    }
}
