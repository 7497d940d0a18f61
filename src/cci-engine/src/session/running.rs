//! A session's container by its name, which has to be running.

use cci_core::{Error, Result};
use cci_incus::Status;

use crate::context::Context;
use crate::event::SessionEvent;
use crate::instance::also_named;
use crate::instance::ownership::{self, Owned, Whose};
use crate::session::record;
use crate::site::replaced;

/// A session by name: it must be running, and belong to the caller.
pub async fn running(cx: &Context, name: &str) -> Result<Owned> {
    let owned = match ownership::one(cx, name).await {
        Err(error @ Error::ContainerNotFound { .. }) => {
            report_gone(cx, name).await?;
            return Err(error);
        }
        found => found?,
    };
    // one that is paused answers nothing
    if owned.instance.status_code == Status::Running {
        Ok(owned)
    } else {
        Err(Error::ContainerNotRunning { name: name.to_owned() })
    }
}

/// Reports how to resume the conversation of a container that is gone, and what may have ended it.
async fn report_gone(cx: &Context, name: &str) -> Result<()> {
    if let Ok(all) = ownership::all_of(cx, Whose::Own).await {
        also_named::report(cx, all.iter().map(|owned| &owned.instance)).await?;
    }
    // unreadable metadata does not belong to it for certain
    let Ok(Some(metadata)) = record::of_container(cx, name).await else { return Ok(()) };
    let replaced = replaced::replaced(cx, metadata.further().pinned).await?;
    cx.emit(SessionEvent::ContainerGone { session: metadata.session_id, workspace: metadata.workspace, replaced });
    Ok(())
}
