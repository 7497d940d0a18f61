//! `shutdown` and `kill`: stop containers, several at once, and report each failure.

use cci_core::{Error, Result};
use cci_incus::Status;

use crate::context::Context;
use crate::event::InstanceEvent;
use crate::instance::ownership;
use crate::instance::stop::{Stop, delete, stop};
use crate::session::history;
use crate::session::record;
use crate::session::state_volume;

/// Stops all of them at once; returns how many were removed.
///
/// A container that cannot be stopped is reported and the others continue; an unreachable Incus fails the whole call.
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
    let owned = ownership::one(cx, name).await?;
    if owned.instance.status_code != Status::Stopped {
        stop(cx, name, how, "stop the container").await?;
    }
    delete(&cx.client, name).await?;
    match owned.marks.session {
        Some(session) => {
            state_volume::session_brought_home(cx, session).await;
            history::take(cx, session).await;
            record::refresh(cx, session, None).await.map(drop)
        }
        None => Ok(()),
    }
}

/// The names of all containers of the caller.
pub async fn everything(cx: &Context) -> Result<Vec<String>> {
    Ok(ownership::all(cx).await?.into_iter().map(|owned| owned.instance.name).collect())
}

/// Succeeds if all were removed, else says how many were not.
pub fn verdict(asked: usize, gone: usize) -> Result<()> {
    if gone == asked { Ok(()) } else { Err(Error::Partly { failed: asked - gone, asked }) }
}
