//! Removes a session only where nobody has it: a launch may have resumed it since it was found.

use std::path::Path;
use std::time::Duration;

use cci_core::session::SessionId;
use cci_core::{Error, Result};
use cci_host::store::session_lock::{self, Removal, Removing};
use cci_host::store::sessions::Store;

use super::holders::{self, Holder};
use crate::blocking::blocking;
use crate::context::Context;
use crate::retry::Retry;

/// How long a launch that resumes it is waited for, which then has a container or has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// The right to remove a session, as long as it lives.
#[derive(Debug)]
pub(crate) struct Unused {
    _held: Option<Removing>,
}

/// The right to remove each of these sessions, in their directories; or which container has it, or that a launch resumes it.
pub(crate) async fn unused(
    cx: &Context,
    sessions: impl Iterator<Item = (SessionId, &Path)>,
) -> Result<Vec<Result<Unused>>> {
    let mut rights = Vec::new();
    for (id, dir) in sessions {
        rights.push((id, held(id, dir).await));
    }
    // while they are held, no container comes to them
    let holders = holders::all(cx).await?;
    let checked = |(id, held): (SessionId, Result<Option<Removing>>)| {
        let held = held?;
        match holders.iter().find(|holder| holder.session == id) {
            Some(holder) => Err(refused(id, format!("container {} has it", holder.instance.name))),
            None => Ok(Unused { _held: held }),
        }
    };
    Ok(rights.into_iter().map(checked).collect())
}

/// Whether what was said in a session that is taken back is nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// It may be.
    Here,
    /// It is a copy of another session's.
    InAnother,
}

/// Removes what a launch that failed has made of a session, unless something was said in it or another launch goes on with it;
/// whether it was removed.
pub(crate) async fn take_back(cx: &Context, dir: &Path, said: Said) -> Result<bool> {
    let id = dir.file_name().and_then(|name| name.to_str()?.parse().ok());
    // nobody finds a session that is not published
    let _unused = match id.filter(|_| Store::is_published(dir)) {
        Some(id) => {
            let held = held(id, dir).await?;
            // a stopped one that is kept had it from this launch
            let has_it = |holder: &Holder| holder.session == id && holder.may_run();
            if holders::all(cx).await?.iter().any(has_it) {
                return Ok(false);
            }
            held
        }
        None => None,
    };
    let dir = dir.to_owned();
    blocking(move || {
        let there = dir.exists();
        let is_said = said == Said::Here && Store::has_conversation(&dir);
        if is_said { Ok(false) } else { Store::remove(&dir).map(|()| there) }
    })
    .await
}

/// Keeps others from resuming it; `None` if it is gone.
async fn held(id: SessionId, dir: &Path) -> Result<Option<Removing>> {
    let mut retry = Retry::within(PATIENCE);
    loop {
        let place = dir.to_owned();
        let asked = blocking(move || {
            session_lock::remove(&place).map_err(|source| Error::Host { step: "hold", path: place, source })
        });
        match asked.await? {
            Removal::Free(removing) => return Ok(Some(removing)),
            Removal::Gone => return Ok(None),
            Removal::Busy if retry.again("remove a session", &"a launch resumes it").await => {}
            Removal::Busy => return Err(refused(id, "a launch is resuming it".into())),
        }
    }
}

fn refused(id: SessionId, problem: String) -> Error {
    Error::StepFailed { step: format!("removing session {id}"), problem, hint: None }
}
