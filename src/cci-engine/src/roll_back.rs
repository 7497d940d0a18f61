//! Rolls back what a call created when it fails, is cancelled or was killed, and nothing else.

#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use cci_core::plan::StateVolume;
use cci_core::{Error, Result};
use cci_host::store::forks::Fork;
use cci_host::store::remove;
use cci_host::store::session_worktrees::Worktrees;
use futures_util::future::LocalBoxFuture;

use crate::context::Context;
use crate::event::{Event, RollBackEvent};
use crate::image;
use crate::instance::remove::remove_launched;
use crate::instance::snapshot::remove_snapshot;
use crate::instance::{ownership, stop};
use crate::ledger::{Abandoned, Made};
use crate::retry::Retry;
use crate::session::removal::{self, Said};
use crate::session::state_volume;

/// How long to keep looking for a container whose create was not answered.
const DOUBT: Duration = Duration::from_secs(600);

/// Does `work`; if it fails or is cancelled, what it created so far is rolled back, else it is kept.
pub fn on_failure<'a, T: 'a>(
    cx: &'a Context,
    work: impl Future<Output = Result<T>> + 'a,
) -> LocalBoxFuture<'a, Result<T>> {
    Box::pin(async {
        let value = on_failure_or_kill(cx, work).await?;
        cx.scope.ledger.keep();
        Ok(value)
    })
}

/// The same, but what was created stays in the ledger, so that a kill does not leave it behind.
pub(crate) async fn on_failure_or_kill<T>(cx: &Context, work: impl Future<Output = Result<T>>) -> Result<T> {
    // boxed, because a launch is large and would be on the stack more than once
    let done = cx.scope.until_cancelled(Box::pin(work)).await;
    if let Err(error) = &done {
        let settled = !matches!(error, Error::TimedOut { still_running: true, .. });
        // the next command looks again for what Incus may still be about to create
        let rolled_back = everything(cx).await;
        if rolled_back.all && settled {
            cx.scope.ledger.keep();
        } else if rolled_back.nowhere && !settled {
            cx.scope.ledger.doubt();
        }
    }
    done
}

/// How long a request of a killed command may be on its way before Incus shows that it does it.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// The outcome of a rollback.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RolledBack {
    /// Nothing of it exists any more.
    pub(crate) all: bool,
    /// It included an instance, which did not exist.
    nowhere: bool,
}

/// The same while in progress.
#[derive(Default)]
struct Progress {
    failed: bool,
    instance_noted: bool,
    instance_found: bool,
}

impl Progress {
    fn note(&mut self, made: &Made, done: &Result<bool>) {
        let instance = matches!(made, Made::Instance { .. } | Made::Root { .. });
        self.failed |= done.is_err();
        self.instance_noted |= instance;
        self.instance_found |= instance && matches!(done, Ok(true));
    }

    fn result(&self) -> RolledBack {
        RolledBack { all: !self.failed, nowhere: self.instance_noted && !self.instance_found }
    }
}

/// Rolls back what a call created that failed before anything else was begun; what cannot be is left to the next command.
pub async fn now(cx: &Context) {
    if everything(cx).await.all {
        cx.scope.ledger.keep();
    }
}

/// Rolls back everything that was created and not kept, newest first; reports what cannot be.
#[tracing::instrument(name = "roll-back", skip_all)]
pub(crate) async fn everything(cx: &Context) -> RolledBack {
    cx.emit(Event::Idle);
    // a cancelled call keeps writing in its thread
    cx.scope.written().await;
    let mut progress = Progress::default();
    for made in cx.scope.ledger.take() {
        let done = one(cx, &made).await;
        progress.note(&made, &done);
        if let Err(error) = done
            && cx.scope.ledger.put_back(made.clone())
        {
            cx.emit(RollBackEvent::NotRemoved { made, error });
        }
    }
    progress.result()
}

/// Rolls back what killed commands left, and reports it; what cannot be removed now is left for the next command.
#[tracing::instrument(name = "clear-up", skip_all)]
pub async fn abandoned(cx: &Context) {
    for Abandoned { journal, made, doubted } in cx.scope.ledger.abandoned() {
        let mut progress = Progress::default();
        for made in made {
            if is_anothers(cx, &made).await {
                continue;
            }
            let limit = if doubted { Duration::ZERO } else { ON_ITS_WAY.saturating_sub(journal.age()) };
            let done = one_soon(cx, &made, limit).await;
            progress.note(&made, &done);
            match done {
                Ok(true) => cx.emit(RollBackEvent::RemovedAbandoned(made)),
                Ok(false) => {}
                Err(error) => tracing::info!(%error, %made, "what a killed command left cannot be removed"),
            }
        }
        let rolled_back = progress.result();
        // a request that was never answered can still arrive
        let certain = !doubted || !rolled_back.nowhere || journal.age() > DOUBT;
        if rolled_back.all
            && certain
            && let Err(error) = journal.close()
        {
            tracing::warn!(%error, "the journal of a killed command stays");
        }
    }
}

/// Whether an entry is in another user's container, where no command of this user created it.
async fn is_anothers(cx: &Context, made: &Made) -> bool {
    match made.instance() {
        Some(name) => matches!(ownership::find(cx, name).await, Err(Error::NotOwner { .. })),
        None => false,
    }
}

/// Rolls one thing back; what Incus does not show yet is looked for again until the limit.
async fn one_soon(cx: &Context, made: &Made, limit: Duration) -> Result<bool> {
    let mut retry = Retry::within(limit);
    loop {
        let done = one(cx, made).await;
        let is_missing = made.is_in_incus() && matches!(done, Ok(false));
        if !is_missing || !retry.again("look for it", made).await {
            return done;
        }
    }
}

/// Rolls one thing back; returns whether it existed.
pub(crate) async fn one(cx: &Context, made: &Made) -> Result<bool> {
    let client = &cx.client;
    match made {
        Made::Instance { name, launch } => remove_launched(client, name, launch).await,
        Made::Started { name, launch } => stop::stop_launched(client, name, launch).await,
        // the checkpoint is complete
        Made::Root { record, .. } if record.exists() => Ok(false),
        Made::Root { project, name, launch, .. } => remove_launched(&client.in_project(project), name, launch).await,
        Made::Staging(dir) => remove_dir(dir),
        Made::Staged(file) => remove_file(file),
        Made::SessionDir(dir) => removal::take_back(cx, dir, Said::Here).await,
        Made::StateVolume { pool, name, launch, dir } => {
            let volume = StateVolume { pool: pool.clone(), name: name.clone() };
            state_volume::roll_back(cx, &volume, launch, dir).await
        }
        Made::Snapshot { container, name } => remove_snapshot(client, container, name).await,
        Made::Fork { workspace, linked, session } => {
            let there = removal::take_back(cx, session, Said::InAnother).await?;
            let fork = Fork { workspace, linked: linked.as_ref() };
            fork.remove(&cx.cci_dir()).map(|(was_there, _)| was_there || there)
        }
        Made::Worktrees { name } => {
            let worktrees = Worktrees::named(&cx.cci_dir(), name)?;
            worktrees.map_or(Ok(false), |worktrees| worktrees.remove(&cx.cci_dir()))
        }
        Made::Images { launch, alias } => image::roll_back::remove_launched(cx, launch, alias).await,
    }
}

/// Removes a directory that may be gone already; returns whether it existed.
fn remove_dir(dir: &Path) -> Result<bool> {
    remove::path(dir).map_err(|source| Error::Host { step: "remove", path: dir.to_owned(), source })
}

fn remove_file(file: &Path) -> Result<bool> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        done => done.map(|()| true).map_err(|source| Error::Host { step: "remove", path: file.to_owned(), source }),
    }
}
