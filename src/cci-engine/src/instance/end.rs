//! `shutdown` and `kill`: ends containers, several at once, and says of each what went wrong.

use std::time::Duration;

use cci_core::{Error, Result};
use cci_incus::{StateChange, Status};

use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::instance::owned::{self, Owned};
use crate::session::record;
use crate::session::state_volume;

/// How a container is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// At once.
    Kill,
    /// Asks it to shut down; when the time is over, at once.
    Shutdown {
        /// How long it may take.
        within: Duration,
    },
}

/// How long a forced stop and a delete may take.
const FORCE: Duration = Duration::from_secs(60);
/// A container in its first moments does not listen to a shutdown yet: added to the deadline of the wait.
const MARGIN: Duration = Duration::from_secs(5);

/// Ends all of them at once; how many are gone.
///
/// A container that cannot be ended is said and the others go on; an Incus that cannot be asked ends it all.
pub async fn end(cx: &Context, names: &[String], how: How) -> Result<usize> {
    let ends = futures_util::future::join_all(names.iter().map(|name| end_one(cx, name, how))).await;
    cx.undo.keep();
    let mut gone = 0;
    for end in ends {
        match end {
            Ok(()) => gone += 1,
            Err(error @ (Error::IncusUnreachable { .. } | Error::IncusForbidden { .. })) => return Err(error),
            Err(error) => cx.reporter.warn(&error.to_string()),
        }
    }
    Ok(gone)
}

async fn end_one(cx: &Context, name: &str, how: How) -> Result<()> {
    let owned = owned::one(cx, name).await?;
    if owned.instance.status_code != Status::Stopped {
        stop(cx, &owned, how).await?;
    }
    delete(cx, name).await?;
    match owned.marks.session {
        Some(session) => {
            state_volume::session_brought_home(cx, session).await;
            record::refresh(cx, session, None).await.map(drop)
        }
        None => Ok(()),
    }
}

async fn stop(cx: &Context, owned: &Owned, how: How) -> Result<()> {
    let name = &owned.instance.name;
    if let How::Shutdown { within } = how {
        let gentle = StateChange::stop_within(u32::try_from(within.as_secs()).unwrap_or(u32::MAX));
        if settle(cx, name, &gentle, within + MARGIN).await.is_ok() {
            return Ok(());
        }
        cx.reporter.note(&format!("Container {name} did not shut down in {} s, stopping it", within.as_secs()));
    }
    let forced = StateChange::kill();
    settle(cx, name, &forced, FORCE).await
}

/// Changes the state and waits; one that has gone meanwhile is what was wanted.
async fn settle(cx: &Context, name: &str, change: &StateChange, limit: Duration) -> Result<()> {
    let done = async { cx.client.change_state(name, change).await?.wait("stop the container", limit).await };
    match done.await {
        Ok(_) => Ok(()),
        Err(error) => match cx.client.instance(name).await {
            Err(gone) if gone.is_not_found() => Ok(()),
            Ok((instance, _)) if instance.status_code == Status::Stopped => Ok(()),
            _ => Err(error).during("stop the container"),
        },
    }
}

/// Deletes what Incus has not deleted by itself.
async fn delete(cx: &Context, name: &str) -> Result<()> {
    let done = async { cx.client.delete_instance(name).await?.wait("delete the container", FORCE).await };
    match done.await {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => match cx.client.instance(name).await {
            Err(gone) if gone.is_not_found() => Ok(()),
            _ => Err(error).during("delete the container"),
        },
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
