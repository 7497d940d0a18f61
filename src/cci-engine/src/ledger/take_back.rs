//! Takes back what a failed or interrupted call made, and nothing else.

use std::path::Path;
use std::time::Duration;

use cci_core::mark::{self, LAUNCH};
use cci_core::plan::StateVolume;
use cci_core::{Error, Result};
use cci_incus::{Client, Operation, StateChange, Status};

use crate::blocking::written;
use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::instance::owned;
use crate::ledger::undo::{Abandoned, Made};
use crate::session::state_volume;
use cci_host::store::remove;
use cci_host::store::sessions::Store;

/// How long the clean-up may take before it is given up and said; an image that is being packed has to be waited for.
const LIMIT: Duration = Duration::from_secs(120);
/// How long a container is looked for again whose create was not answered.
const DOUBT: Duration = Duration::from_secs(600);
/// How long somebody else's work on images is waited for, which cannot be told from ours.
const IMPORT: Duration = Duration::from_secs(10);

/// What became of everything that was to be taken back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TakenBack {
    /// Nothing of it is left.
    pub(crate) all: bool,
    /// An instance was among it, and there was none.
    pub(crate) nowhere: bool,
}

/// The same on the way.
#[derive(Default)]
struct Taken {
    failed: bool,
    instance_noted: bool,
    instance_found: bool,
}

impl Taken {
    fn note(&mut self, made: &Made, done: &Result<bool>) {
        let instance = matches!(made, Made::Instance { .. });
        self.failed |= done.is_err();
        self.instance_noted |= instance;
        self.instance_found |= instance && matches!(done, Ok(true));
    }

    fn back(&self) -> TakenBack {
        TakenBack { all: !self.failed, nowhere: self.instance_noted && !self.instance_found }
    }
}

impl Context {
    /// Takes back everything that was made and not kept, newest first; what cannot be is named.
    pub(crate) async fn take_back(&self) -> TakenBack {
        self.reporter.progress(None);
        // a call that was given up goes on writing in its thread
        written().await;
        let mut taken = Taken::default();
        for made in self.undo.take() {
            let done = take_back(self, &made).await;
            taken.note(&made, &done);
            if let Err(error) = done {
                self.reporter.warn(&format!("could not remove {made}: {error}"));
            }
        }
        taken.back()
    }

    /// Takes back what commands left that were killed, and says so; what cannot be now is left for the next command.
    pub async fn take_back_abandoned(&self) {
        for Abandoned { journal, made, doubted } in self.undo.abandoned() {
            let mut taken = Taken::default();
            for made in made {
                if self.is_anothers(&made).await {
                    continue;
                }
                let done = take_back(self, &made).await;
                taken.note(&made, &done);
                match done {
                    Ok(true) => self.reporter.note(&format!("Removed {made}, left by a command that was killed")),
                    Ok(false) => {}
                    Err(error) => tracing::info!(%error, %made, "what a killed command left cannot be removed"),
                }
            }
            let taken = taken.back();
            // a request that was never answered can still be on its way
            let certain = !doubted || !taken.nowhere || journal.age() > DOUBT;
            if taken.all
                && certain
                && let Err(error) = journal.close()
            {
                tracing::warn!(%error, "the journal of a killed command stays");
            }
        }
    }
}

impl Context {
    /// Whether what a note names is in another user's container, where no command of this user made it.
    async fn is_anothers(&self, made: &Made) -> bool {
        match made.instance() {
            Some(name) => matches!(owned::find(self, name).await, Err(Error::NotOwner { .. })),
            None => false,
        }
    }
}

/// Removes a snapshot, which may still be under way in Incus; whether there was one.
async fn remove_snapshot(client: &Client, container: &str, name: &str) -> Result<bool> {
    let step = "remove the snapshot";
    for operation in pending(client, container).await? {
        // how it ended does not matter, only that it has
        let _ = operation.wait(step, LIMIT).await;
    }
    match client.delete_snapshot(container, name).await {
        Ok(operation) => operation.wait(step, LIMIT).await.map(|_| true).during(step),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error).during(step),
    }
}

/// Takes one thing back; whether there was anything.
async fn take_back(cx: &Context, made: &Made) -> Result<bool> {
    let client = &cx.client;
    match made {
        Made::Instance { name, launch } => remove_instance(client, name, launch).await,
        Made::Started { name, launch } => stop_again(client, name, launch).await,
        Made::Staging(dir) => remove_dir(dir),
        Made::Staged(file) => remove_file(file),
        // whatever a conversation has become by then, it is not ours to remove
        Made::SessionDir(dir) if Store::has_conversation(dir) => Ok(false),
        Made::SessionDir(dir) => {
            let there = dir.exists();
            Store::remove(dir).map(|()| there)
        }
        Made::StateVolume { pool, name, launch, dir } => {
            let volume = StateVolume { pool: pool.clone(), name: name.clone() };
            state_volume::take_back(cx, &volume, launch, dir).await
        }
        Made::Snapshot { container, name } => remove_snapshot(client, container, name).await,
        Made::Images { launch, alias } => remove_images(cx, launch, alias).await,
    }
}

/// Stops what a launch has started again, if it is still that launch's.
async fn stop_again(client: &Client, name: &str, launch: &str) -> Result<bool> {
    let step = "stop the container";
    let under_way = pending(client, name).await?;
    for operation in under_way {
        let _ = operation.wait(step, LIMIT).await;
    }
    let ours = match client.instance(name).await {
        Ok((found, _)) => {
            found.status_code != Status::Stopped && found.config.get(LAUNCH).is_some_and(|mark| mark == launch)
        }
        Err(error) if error.is_not_found() => false,
        Err(error) => return Err(error).during(step),
    };
    if !ours {
        return Ok(false);
    }
    let killed = async { client.change_state(name, &StateChange::kill()).await?.wait(step, LIMIT).await };
    match killed.await {
        Err(error) if !error.is_not_found() && !error.is_conflict() => Err(error).during(step),
        _ => Ok(true),
    }
}

/// Removes a directory that may be gone already; whether it was there.
fn remove_dir(dir: &Path) -> Result<bool> {
    remove::path(dir).map_err(|source| Error::Host { step: "remove", path: dir.to_owned(), source })
}

fn remove_file(file: &Path) -> Result<bool> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        done => done.map(|()| true).map_err(|source| Error::Host { step: "remove", path: file.to_owned(), source }),
    }
}

/// Removes the images that carry this launch mark and have not got this alias; whether there were any.
///
/// The alias comes last: who has it is whole, also where the answer to that request was lost.
async fn remove_images(cx: &Context, launch: &str, alias: &str) -> Result<bool> {
    let client = &cx.client;
    let step = "remove the image";
    let mut removed = false;
    // an import whose request was dropped may still be under way, and its image would come afterwards
    for operation in unfinished(client).await? {
        if !operation.resources().contains_key("instances") {
            let _ = operation.wait(step, IMPORT).await;
        }
    }
    for image in client.images().await.during(step)? {
        let marked = image.properties.get(LAUNCH).is_some_and(|mark| mark == launch);
        let ours = marked && mark::owner(&image.properties).is_none_or(|owner| owner == cx.caller.ids.uid);
        if !ours || image.aliases.iter().any(|name| name.name == alias) {
            continue;
        }
        removed = true;
        match client.delete_image(&image.fingerprint).await {
            Ok(operation) => operation.wait(step, LIMIT).await.map(drop).during(step)?,
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error).during(step),
        }
    }
    Ok(removed)
}

/// Removes the instance that carries this launch mark, and says whether it was there; one of the same name with another
/// mark is left alone.
///
/// The create may still be under way in Incus, so each pending operation on the name is waited for first.
pub(crate) async fn remove_instance(client: &Client, name: &str, launch: &str) -> Result<bool> {
    let step = "remove the container";
    let mut seen = false;
    let removal = async {
        loop {
            let under_way = pending(client, name).await?;
            for operation in under_way {
                // how it ended does not matter, only that it has
                let _ = operation.wait(step, LIMIT).await;
            }
            let instance = match client.instance(name).await {
                Ok((instance, _)) => instance,
                Err(error) if error.is_not_found() => return Ok(seen),
                Err(error) => return Err(error).during(step),
            };
            if instance.config.get(LAUNCH).is_none_or(|mark| mark != launch) {
                return Ok(seen);
            }
            seen = true;
            let change = if instance.status_code == Status::Stopped {
                client.delete_instance(name).await
            } else {
                client.change_state(name, &StateChange::kill()).await
            };
            match change {
                Ok(operation) => match operation.wait(step, LIMIT).await {
                    Err(error) if !error.is_conflict() && !error.is_not_found() => {
                        return Err(error).during(step);
                    }
                    _ => {}
                },
                Err(error) if error.is_conflict() || error.is_not_found() => {}
                Err(error) => return Err(error).during(step),
            }
        }
    };
    tokio::time::timeout(LIMIT, removal).await.unwrap_or_else(|_| {
        Err(Error::TimedOut { step: step.to_owned(), seconds: LIMIT.as_secs(), still_running: true })
    })
}

/// What Incus still does to an instance.
pub async fn pending(client: &Client, name: &str) -> Result<Vec<Operation>> {
    let concerns = |operation: &Operation| operation.instances().any(|concerned| concerned == name);
    Ok(unfinished(client).await?.into_iter().filter(concerns).collect())
}

/// What Incus is doing at this moment.
pub(crate) async fn unfinished(client: &Client) -> Result<Vec<Operation>> {
    let all = client.operations().await.during("list the operations")?;
    Ok(all.into_iter().filter(|operation| !operation.info().status_code.is_final()).collect())
}
