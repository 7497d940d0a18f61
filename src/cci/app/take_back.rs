//! Takes back what a failed or interrupted call made, and nothing else.

use std::path::Path;
use std::time::Duration;

use cci_core::mark::LAUNCH;
use cci_core::{Error, Result};
use cci_incus::{Client, Operation, StateChange, Status};

use super::context::Context;
use super::incus_error::DuringStep;
use super::undo::Made;
use crate::store::sessions::Store;

/// How long the clean-up may take before it is given up and said; an image that is being packed has to be waited for.
const LIMIT: Duration = Duration::from_secs(120);
/// How long somebody else's work on images is waited for, which cannot be told from ours.
const IMPORT: Duration = Duration::from_secs(10);

impl Context {
    /// Takes back everything that was made and not kept, newest first; what cannot be is named.
    pub(crate) async fn take_back(&self) {
        self.reporter.progress(None);
        for made in self.undo.take() {
            let done = match &made {
                Made::Instance { name, launch } => remove_instance(&self.client, name, launch).await,
                Made::Staging(dir) => remove_dir(dir),
                Made::SessionDir(dir) => Store::remove(dir),
                Made::Images { launch } => remove_images(&self.client, launch).await,
            };
            if let Err(error) = done {
                self.reporter.warn(&format!("could not remove {made}: {error}"));
            }
        }
    }
}

/// Removes a directory that may be gone already.
fn remove_dir(dir: &Path) -> Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        done => done.map_err(|source| Error::Host { step: "remove", path: dir.to_owned(), source }),
    }
}

/// Removes the images that carry this launch mark, with their aliases.
async fn remove_images(client: &Client, launch: &str) -> Result<()> {
    let step = "remove the image";
    // an import whose request was dropped may still be under way, and its image would come afterwards
    for operation in unfinished(client).await? {
        if !operation.resources().contains_key("instances") {
            let _ = operation.wait(step, IMPORT).await;
        }
    }
    for image in client.images().await.during(step)? {
        if image.properties.get(LAUNCH).is_none_or(|mark| mark != launch) {
            continue;
        }
        match client.delete_image(&image.fingerprint).await {
            Ok(operation) => operation.wait(step, LIMIT).await.map(drop).during(step)?,
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error).during(step),
        }
    }
    Ok(())
}

/// Removes the instance that carries this launch mark; one of the same name with another mark is left alone.
///
/// The create may still be under way in Incus, so each pending operation on the name is waited for first.
pub(crate) async fn remove_instance(client: &Client, name: &str, launch: &str) -> Result<()> {
    let step = "remove the container";
    let removal = async {
        loop {
            let under_way = pending(client, name).await?;
            for operation in under_way {
                // how it ended does not matter, only that it has
                let _ = operation.wait(step, LIMIT).await;
            }
            let instance = match client.instance(name).await {
                Ok((instance, _)) => instance,
                Err(error) if error.is_not_found() => return Ok(()),
                Err(error) => return Err(error).during(step),
            };
            if instance.config.get(LAUNCH).is_none_or(|mark| mark != launch) {
                return Ok(());
            }
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
pub(crate) async fn pending(client: &Client, name: &str) -> Result<Vec<Operation>> {
    let concerns = |operation: &Operation| {
        let mut paths = operation.resources().values().flatten().map(|path| path.split('?').next().unwrap_or_default());
        paths.any(|path| path.ends_with(&format!("/instances/{name}")))
    };
    Ok(unfinished(client).await?.into_iter().filter(concerns).collect())
}

async fn unfinished(client: &Client) -> Result<Vec<Operation>> {
    let all = client.operations().await.during("list the operations")?;
    Ok(all.into_iter().filter(|operation| !operation.info().status_code.is_final()).collect())
}
