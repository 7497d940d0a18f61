//! A conversation in a storage volume of Incus, where the daemon cannot reach the home: filled from the session's
//! directory when it is made, and brought back there whenever the session is left, ended or gone on with.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cci_core::environment::STATE;
use cci_core::mark::{LAUNCH, OWNER};
use cci_core::metadata::Metadata;
use cci_core::plan::{LaunchPlan, StateVolume};
use cci_core::session::SessionId;
use cci_core::{Error, Result};
use cci_incus::{BACKUP_ROOT, Config, NewVolume};
use jiff::{SignedDuration, Timestamp};

use super::blocking::blocking;
use super::context::Context;
use super::file::{self, Push, Remote, flow};
use super::incus_error::DuringStep;
use super::launch;
use super::undo::Made;
use crate::store::meter::Meter;
use crate::store::sessions::{STATE_DIR, Saved};
use crate::store::staging::Staging;
use crate::store::unpack::Unpack;

/// Says that what the host had of the conversation is in the volume: from then on the volume is what counts.
const FILLED: &str = "user.cci.filled";
/// How long Incus may take to pack a volume, or be silent while it sends one.
const LIMIT: Duration = Duration::from_secs(300);
/// When Incus deletes a packed volume that a killed command left.
const KEPT: SignedDuration = SignedDuration::from_hours(1);
/// A conversation has no more files.
const MAX_ENTRIES: u64 = 10_000_000;

/// The volume that holds a saved conversation, if one does.
pub(crate) fn of(metadata: &Metadata) -> Option<StateVolume> {
    metadata.further().volume_pool.map(|pool| StateVolume::of(metadata.session_id, &pool))
}

/// Makes the volume of a launch; one that is there is the conversation's from before.
pub(crate) async fn make(cx: &Context, plan: &LaunchPlan, dir: &Path) -> Result<()> {
    let Some(volume) = plan.state_volume() else { return Ok(()) };
    let step = "make a storage volume for the conversation";
    match cx.client.volume(&volume.pool, &volume.name).await {
        Ok(_) => return Ok(()),
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error).during(step),
    }
    cx.reporter.note("Incus cannot reach this home: the conversation is kept in a storage volume, and copied here");
    cx.undo.push(Made::StateVolume {
        pool: volume.pool.clone(),
        name: volume.name.clone(),
        launch: plan.launch().to_owned(),
        dir: dir.to_owned(),
    });
    let owner = cx.caller.ids.uid.to_string();
    let config = [("user.cci.managed", "true"), (OWNER, &owner), (LAUNCH, plan.launch())];
    let new = NewVolume {
        name: volume.name,
        description: "cci: a conversation".into(),
        config: config.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
    };
    cx.client.create_volume(&volume.pool, &new).await.during(step)
}

/// Puts into a new volume, by the container that has it, what the host has of the conversation.
pub(crate) async fn fill(cx: &Context, container: &str, volume: &StateVolume, state: &Path) -> Result<()> {
    let step = "look at the conversation's storage volume";
    let (found, _) = cx.client.volume(&volume.pool, &volume.name).await.during(step)?;
    if found.config.contains_key(FILLED) {
        return Ok(());
    }
    let everything = Push {
        from: state.join("."),
        to: Remote { name: container.to_owned(), path: STATE.to_owned() },
        recursive: true,
        uid: None,
        gid: None,
        mode: None,
    };
    file::push(cx, &everything).await?;
    let filled = Config::from([(FILLED.to_owned(), "true".to_owned())]);
    cx.client.patch_volume(&volume.pool, &volume.name, &filled).await.during(step)
}

/// Brings a conversation that is left or ended back to its directory if a volume holds it.
pub(crate) async fn session_brought_home(cx: &Context, session: SessionId) {
    let store = launch::store(cx);
    if let Ok(Some(saved)) = blocking(move || store.read(session)).await {
        brought_home(cx, &saved).await;
    }
}

/// The same of what the store has of it; what hinders that is said and is no loss.
pub(crate) async fn brought_home(cx: &Context, Saved { metadata, dir }: &Saved) {
    let Some(volume) = of(metadata) else { return };
    if let Err(error) = bring_home(cx, &volume, dir).await {
        cx.reporter.warn(&format!(
            "the conversation is in storage volume {} of pool {} and could not be copied here: {error}",
            volume.name, volume.pool
        ));
    }
}

/// Copies the volume over the state directory in the session's directory `dir`; one that is gone has nothing to copy.
pub(crate) async fn bring_home(cx: &Context, volume: &StateVolume, dir: &Path) -> Result<()> {
    let step = "copy the conversation's storage volume";
    let backup = format!("cci-{}", uuid::Uuid::new_v4().simple());
    let until = (Timestamp::now() + KEPT).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let StateVolume { pool, name } = volume;
    let packed = async { cx.client.create_volume_backup(pool, name, &backup, &until).await?.wait(step, LIMIT).await };
    match packed.await {
        Err(error) if error.is_not_found() => return Ok(()),
        packed => packed.during(step)?,
    };
    let copied = copy(cx, volume, &backup, dir).await;
    let deleted = async { cx.client.delete_volume_backup(pool, name, &backup).await?.wait(step, LIMIT).await };
    if let Err(error) = deleted.await {
        tracing::info!(%error, "the packed volume stays until it expires");
    }
    copied
}

async fn copy(cx: &Context, volume: &StateVolume, backup: &str, dir: &Path) -> Result<()> {
    let step = "copy the conversation's storage volume";
    let stream = cx.client.volume_backup(&volume.pool, &volume.name, backup).await.during(step)?;
    let failed = |source| Error::Host { step: "write to", path: dir.to_owned(), source };
    // a launch that could not reach Incus any more may have removed it
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
    let staging = Staging::new(dir).map_err(failed)?;
    let made = Made::Staging(staging.path().to_owned());
    cx.undo.push(made.clone());
    let (inlet, outlet) = flow::flow();
    let unpacking = blocking({
        let dir = dir.to_owned();
        move || {
            let failed = |source| Error::Host { step: "write to", path: dir.clone(), source };
            let into = staging.dir().map_err(failed)?;
            let unpack = Unpack::new(into, STATE_DIR.as_ref(), false, MAX_ENTRIES, Arc::new(Meter::default()));
            unpack.below(BACKUP_ROOT).run(outlet)?;
            staging.exchange(STATE_DIR).map_err(failed)
        }
    });
    let (sent, unpacked) = tokio::join!(inlet.pour(stream, LIMIT), unpacking);
    sent?;
    unpacked?;
    cx.undo.forget(&made);
    Ok(())
}

/// Takes back a volume that a launch made, once what is in it is in the session's directory.
pub(crate) async fn take_back(cx: &Context, volume: &StateVolume, launch: &str, dir: &Path) -> Result<bool> {
    let step = "remove the conversation's storage volume";
    let found = match cx.client.volume(&volume.pool, &volume.name).await {
        Ok((found, _)) => found,
        Err(error) if error.is_not_found() => return Ok(false),
        Err(error) => return Err(error).during(step),
    };
    if found.config.get(LAUNCH).is_none_or(|mark| mark != launch) {
        return Ok(false);
    }
    if found.config.contains_key(FILLED) {
        bring_home(cx, volume, dir).await?;
    }
    remove(cx, volume).await.map(|()| true)
}

/// Deletes a volume; one that is gone is what was wanted.
pub(crate) async fn remove(cx: &Context, volume: &StateVolume) -> Result<()> {
    match cx.client.delete_volume(&volume.pool, &volume.name).await {
        Err(error) if !error.is_not_found() => Err(error).during("remove the conversation's storage volume"),
        _ => Ok(()),
    }
}
