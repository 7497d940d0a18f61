//! `shutdown` and `kill`: ends containers, several at once, and says of each what went wrong.

use cci_core::{Error, Result};
use cci_incus::Status;

use crate::context::Context;
use crate::event::InstanceEvent;
use crate::instance::owned;
use crate::instance::stop::{Stop, delete, stop};
use crate::session::record;
use crate::session::state_volume;

/// Ends all of them at once; how many are gone.
///
/// A container that cannot be ended is said and the others go on; an Incus that cannot be asked ends it all.
pub async fn end_all(cx: &Context, names: &[String], how: Stop) -> Result<usize> {
    let ends = futures_util::future::join_all(names.iter().map(|name| end_one(cx, name, how))).await;
    cx.scope.ledger.keep();
    let mut gone = 0;
    for end in ends {
        match end {
            Ok(()) => gone += 1,
            Err(error @ (Error::IncusUnreachable { .. } | Error::IncusForbidden { .. })) => return Err(error),
            Err(error) => cx.emit(InstanceEvent::NotEnded(error)),
        }
    }
    Ok(gone)
}

async fn end_one(cx: &Context, name: &str, how: Stop) -> Result<()> {
    let owned = owned::one(cx, name).await?;
    if owned.instance.status_code != Status::Stopped {
        stop(cx, name, how, "stop the container").await?;
    }
    delete(&cx.client, name).await?;
    match owned.marks.session {
        Some(session) => {
            state_volume::session_brought_home(cx, session).await;
            record::refresh(cx, session, None).await.map(drop)
        }
        None => Ok(()),
    }
}

/// The names of everything the caller has.
pub async fn everything(cx: &Context) -> Result<Vec<String>> {
    Ok(owned::all(cx).await?.into_iter().map(|owned| owned.instance.name).collect())
}

/// All asked for are gone, or the error that says how many are not.
pub fn verdict(asked: usize, gone: usize) -> Result<()> {
    if gone == asked { Ok(()) } else { Err(Error::Partly { failed: asked - gone, asked }) }
}
