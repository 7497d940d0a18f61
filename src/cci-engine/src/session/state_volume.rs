//! A conversation in a storage volume of Incus, if the daemon cannot reach the home: filled from the session's
//! directory at each launch, and copied back whenever the session is left, stopped or resumed.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cci_agent::Agent;
use cci_core::mark::{LAUNCH, OWNER, TOOL};
use cci_core::metadata::{Further, InVolume, Metadata};
use cci_core::plan::{LaunchPlan, StateVolume};
use cci_core::session::SessionId;
use cci_core::{Error, Result};
use cci_incus::{BACKUP_ROOT, Config, Device, InstancePut, NewVolume, Status, Volume};
use flate2::read::GzDecoder;
use jiff::{SignedDuration, Timestamp};

use crate::blocking::blocking;
use crate::context::Context;
use crate::event::SessionEvent;
use crate::incus_error::DuringStep;
use crate::launch::{self, Launched};
use crate::ledger::Made;
use crate::transfer::{self, Push, Remote, flow};
use cci_host::store::meter::Meter;
use cci_host::store::sessions::{Saved, Store};
use cci_host::store::staging::Staging;
use cci_host::store::unpack::Unpack;

/// Identifies this filling of the volume; before the first there is nothing in it that counts.
const FILLING: &str = "user.cci.filling";
/// How long Incus may take to pack a volume, or be silent while it sends one.
const LIMIT: Duration = Duration::from_secs(300);
/// When Incus deletes a packed volume that a killed command left.
const KEPT: SignedDuration = SignedDuration::from_hours(1);
/// No conversation has more files.
const MAX_ENTRIES: u64 = 10_000_000;

/// The volume with a saved conversation, if there is one, and which filling of it that is.
pub(crate) fn from_metadata(metadata: &Metadata) -> Option<(StateVolume, Option<String>)> {
    let InVolume { pool, filling } = metadata.further().volume?;
    Some((StateVolume::of(metadata.session_id, &pool), filling))
}

/// Creates the volume of a launch that keeps its conversation in one; an existing one is the conversation's from
/// before.
pub(crate) async fn make(cx: &Context, plan: &LaunchPlan) -> Result<()> {
    let (Some(volume), Some(session)) = (plan.state_volume(), plan.session()) else { return Ok(()) };
    let step = "create a storage volume for the conversation";
    match cx.client.volume(&volume.pool, &volume.name).await {
        Ok(_) => return Ok(()),
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error).during(step),
    }
    cx.emit(SessionEvent::KeptInVolume);
    cx.scope.ledger.push(Made::StateVolume {
        pool: volume.pool.clone(),
        name: volume.name.clone(),
        launch: plan.launch().to_owned(),
        dir: launch::store(cx).dir(session),
    });
    let owner = cx.caller.ids.uid.to_string();
    let config = [("user.cci.managed", "true"), (OWNER, &owner), (LAUNCH, plan.launch()), (TOOL, &plan.tool.name)];
    let new = NewVolume {
        name: volume.name,
        description: "cci: a conversation".into(),
        config: config.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
    };
    match cx.client.create_volume(&volume.pool, &new).await {
        // a second resume at the same moment
        Err(error) if error.is_conflict() => Ok(()),
        made => made.during(step),
    }
}

/// Copies the host's copy of the conversation into the volume of a launch, through its container: all of it each time,
/// because it was copied back before, and what the host gives to the agent is new.
pub(crate) async fn fill(cx: &Context, launched: &Launched, session: SessionId) -> Result<()> {
    let Some(volume) = launched.plan.state_volume() else { return Ok(()) };
    let store = launch::store(cx);
    let everything = Push {
        from: store.state_dir(session).join("."),
        to: Remote { name: launched.name.clone(), path: launched.plan.state() },
        recursive: true,
        uid: None,
        gid: None,
        mode: None,
    };
    transfer::push(cx, &everything).await?;
    let filling = uuid::Uuid::new_v4().simple().to_string();
    let noted = Config::from([(FILLING.to_owned(), filling.clone())]);
    let patched = cx.client.patch_volume(&volume.pool, &volume.name, &noted).await;
    patched.during("note the filling of the conversation's storage volume")?;
    cx.scope
        .writing(move || {
            let Some(mut saved) = store.read(session)? else { return Ok(()) };
            let volume = Some(InVolume { pool: volume.pool, filling: Some(filling) });
            saved.metadata.set_further(&Further { volume, ..saved.metadata.further() });
            store.write(&saved.metadata)
        })
        .await
}

/// Notes that what the volume of a conversation holds does not count any more: the host's copy is another one, and the
/// next launch fills the volume with that.
pub(crate) fn outdated(store: &Store, session: SessionId) -> Result<()> {
    let Some(mut saved) = store.read(session)? else { return Ok(()) };
    let Some(InVolume { pool, filling: Some(_) }) = saved.metadata.further().volume else { return Ok(()) };
    let volume = Some(InVolume { pool, filling: None });
    saved.metadata.set_further(&Further { volume, ..saved.metadata.further() });
    store.write(&saved.metadata)
}

/// Copies a conversation that was left or stopped back to its directory if it is in a volume; a failure is reported and
/// loses nothing.
pub(crate) async fn session_brought_home(cx: &Context, session: SessionId) {
    let store = launch::store(cx);
    if let Ok(Some(saved)) = blocking(move || store.read(session)).await {
        brought_home(cx, &saved).await;
    }
}

/// The same for metadata that was already read.
pub(crate) async fn brought_home(cx: &Context, saved: &Saved) {
    if let Err(error) = bring_saved_home(cx, saved).await {
        cx.emit(SessionEvent::NotCopiedHome(error));
    }
}

/// Copies the volume that holds a saved conversation over its state directory.
pub(crate) async fn bring_saved_home(cx: &Context, Saved { metadata, dir, .. }: &Saved) -> Result<()> {
    match from_metadata(metadata) {
        Some((volume, Some(filling))) => bring_home(cx, &volume, &filling, dir).await,
        _ => Ok(()),
    }
}

/// Copies a volume over the state directory in the session's directory `dir`, if it has this filling.
async fn bring_home(cx: &Context, volume: &StateVolume, filling: &str, dir: &Path) -> Result<()> {
    let step = "copy the conversation's storage volume";
    let StateVolume { pool, name } = volume;
    let agent = match cx.client.volume(pool, name).await {
        Ok((found, _)) if found.config.get(FILLING).is_some_and(|there| there == filling) => agent_of(cx, &found),
        Ok(_) => return Ok(()),
        Err(error) if error.is_not_found() => return Ok(()),
        Err(error) => return Err(error).during(step),
    };
    let backup = format!("cci-{}", uuid::Uuid::new_v4().simple());
    let until = (Timestamp::now() + KEPT).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let packed = async { cx.client.create_volume_backup(pool, name, &backup, &until).await?.wait(step, LIMIT).await };
    let copied = match packed.await {
        Ok(_) => copy(cx, volume, &backup, agent.state_dir(), dir).await,
        Err(error) => Err(error).during(step),
    };
    let deleted = async { cx.client.delete_volume_backup(pool, name, &backup).await?.wait(step, LIMIT).await };
    if let Err(error) = deleted.await {
        tracing::info!(%error, "the packed volume stays until it expires");
    }
    copied
}

/// The agent whose conversation is in a volume; those of an earlier release do not record it.
fn agent_of(cx: &Context, volume: &Volume) -> &'static dyn Agent {
    volume.config.get(TOOL).map_or_else(|| cx.settings.tool.agent(), |tool| cci_agent::agent(tool))
}

async fn copy(cx: &Context, volume: &StateVolume, backup: &str, state: &'static str, dir: &Path) -> Result<()> {
    let step = "copy the conversation's storage volume";
    let stream = cx.client.volume_backup(&volume.pool, &volume.name, backup).await.during(step)?;
    let failed = |source| Error::Host { step: "write to", path: dir.to_owned(), source };
    // a launch that could not reach Incus any more may have removed it
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
    let staging = Staging::new(&dir.canonicalize().map_err(failed)?).map_err(failed)?;
    let made = Made::Staging(staging.path().to_owned());
    cx.scope.ledger.push(made.clone());
    let (inlet, outlet) = flow::flow();
    let unpacking = cx.scope.writing({
        let dir = dir.to_owned();
        move || {
            let failed = |source| Error::Host { step: "write to", path: dir.clone(), source };
            let into = staging.dir().map_err(failed)?;
            let unpack = Unpack::new(into, state.as_ref(), false, MAX_ENTRIES, Arc::new(Meter::default()));
            unpack.below(BACKUP_ROOT).run(GzDecoder::new(outlet))?;
            staging.exchange(state).map_err(failed)
        }
    });
    let (sent, unpacked) = tokio::join!(inlet.pour(stream, LIMIT), unpacking);
    sent?;
    unpacked?;
    cx.scope.ledger.forget(&made);
    Ok(())
}

/// Rolls back a volume that a launch created, once its content is in the session's directory.
pub(crate) async fn roll_back(cx: &Context, volume: &StateVolume, launch: &str, dir: &Path) -> Result<bool> {
    let step = "remove the conversation's storage volume";
    let found = match cx.client.volume(&volume.pool, &volume.name).await {
        Ok((found, _)) => found,
        Err(error) if error.is_not_found() => return Ok(false),
        Err(error) => return Err(error).during(step),
    };
    if found.config.get(LAUNCH).is_none_or(|mark| mark != launch) {
        return Ok(false);
    }
    if let Some(filling) = found.config.get(FILLING) {
        bring_home(cx, volume, filling, dir).await?;
    }
    detach(cx, &found, launch).await.during(step)?;
    remove(cx, volume).await.map(|()| true)
}

/// Detaches a volume from the stopped containers that this launch claimed.
async fn detach(cx: &Context, volume: &Volume, launch: &str) -> cci_incus::Result<()> {
    for user in &volume.used_by {
        let path = user.split('?').next().unwrap_or_default();
        let Some(name) = path.strip_prefix("/1.0/instances/") else { continue };
        let (instance, etag) = cx.client.instance(name).await?;
        let ours = instance.config.get(LAUNCH).is_some_and(|mark| mark == launch);
        if ours && instance.status_code == Status::Stopped {
            let mut put = InstancePut::from(instance);
            let is_volume =
                |device: &Device| device.as_disk().is_some_and(|disk| disk.source.as_ref() == Some(&volume.name));
            put.devices.retain(|_, device| !is_volume(device));
            cx.client.put_instance(name, &put, Some(&etag)).await?.wait("detach a volume", LIMIT).await?;
        }
    }
    Ok(())
}

/// Deletes a volume; one that does not exist is fine.
pub async fn remove(cx: &Context, volume: &StateVolume) -> Result<()> {
    match cx.client.delete_volume(&volume.pool, &volume.name).await {
        Err(error) if !error.is_not_found() => Err(error).during("remove the conversation's storage volume"),
        _ => Ok(()),
    }
}
