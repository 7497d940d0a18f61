//! `clean`: finds leftovers, and removes them only when the user agrees.

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cci_core::mark::{Kind, LAUNCH, Marks};
use cci_core::plan::StateVolume;
use cci_core::session::SessionId;
use cci_core::{Error, Result};
use cci_incus::{Instance, Status};
use futures_util::future::join_all;
use jiff::Timestamp;

use crate::blocking::blocking;
use crate::checkpoint::expired::{self, Removable, Which};
use crate::context::Context;
use crate::event::{SessionEvent, UpkeepEvent};
use crate::incus_error::DuringStep;
use crate::instance::ending::ending;
use crate::instance::ownership;
use crate::instance::remove::remove_if;
use crate::launch;
use crate::network::{self, Unused};
use crate::roll_back;
use crate::session::holders::{self, Holder};
use crate::session::{removal, state_volume};
use crate::site::host_path;
use crate::upkeep::reclaim;
use cci_host::store::sessions::Store;
use cci_host::store::size;

/// So many sessions are held at once against being resumed.
const HELD: usize = 64;
/// How often files that a container's root left in a session are handed over: each turn reaches one level deeper.
const HANDED_OVER: usize = 3;

/// What to clean.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub struct Wanted {
    /// Stopped persistent containers.
    pub containers: bool,
    /// Saved sessions without a container.
    pub sessions: bool,
    /// Stopped persistent containers too.
    pub persistent: bool,
    /// Every checkpoint but the current ones; otherwise those that are no longer kept.
    pub checkpoints: bool,
    /// Only what is at least this old.
    pub older_than: Option<Duration>,
}

/// A container that can be removed.
#[derive(Debug, Clone)]
pub struct OldContainer {
    /// The container's name.
    pub name: String,
    /// Why it can be removed.
    pub why: &'static str,
    /// Its disk space, where the storage pool counts it.
    pub bytes: Option<u64>,
    launch: String,
}

/// A session that can be removed.
#[derive(Debug, Clone)]
pub struct OldSession {
    /// The session.
    pub id: SessionId,
    /// Its project directory.
    pub workspace: String,
    /// Its disk space.
    pub bytes: u64,
    dir: PathBuf,
    /// Its volume, if the daemon cannot reach the directory.
    volume: Option<StateVolume>,
}

/// Everything that can be removed.
#[derive(Debug, Default)]
pub struct Leftovers {
    /// Containers.
    pub containers: Vec<OldContainer>,
    /// Sessions.
    pub sessions: Vec<OldSession>,
    /// Networks of policies that no container is on.
    pub networks: Vec<Unused>,
    /// Checkpoints.
    pub checkpoints: Removable,
}

impl Leftovers {
    /// How many things that are.
    #[must_use]
    pub fn count(&self) -> usize {
        let checkpoints: usize = self.checkpoints.expired.iter().map(|expired| expired.ids.len()).sum();
        let orphans = self.checkpoints.orphans.len();
        self.containers.len() + self.sessions.len() + self.networks.len() + checkpoints + orphans
    }
}

/// Finds them, and changes nothing.
///
/// A container whose end has begun is waited for: with it there, its session would count as used.
pub async fn find(cx: &Context, wanted: Wanted) -> Result<Leftovers> {
    ending(&cx.client).await?.wait_for(|name| name.starts_with(cx.prefix.as_str())).await;
    let instances = cx.client.instances().await.during("list the containers")?;
    let mut leftovers = Leftovers::default();
    if wanted.containers {
        let old = instances.iter().filter(|instance| is_old(&instance.last_used_at, wanted.older_than));
        leftovers.containers = old.filter_map(|instance| left_over(cx, instance, wanted)).collect();
        join_all(leftovers.containers.iter_mut().map(|old| weigh(cx, old))).await;
        let going: Vec<&str> = leftovers.containers.iter().map(|old| old.name.as_str()).collect();
        leftovers.networks = network::unused(cx, &going).await?;
    }
    if wanted.containers || wanted.checkpoints {
        let which = if wanted.checkpoints { Which::All } else { Which::Expired };
        leftovers.checkpoints = expired::find(cx, which, wanted.older_than).await?;
    }
    if wanted.sessions {
        // a launch belongs to one container in one project; other projects may use its name too
        let goes = |holder: &Holder| leftovers.containers.iter().any(|old| holder.is(&old.name, &old.launch));
        let holders = holders::all(cx).await?;
        let kept = holders.iter().filter(|holder| !goes(holder)).map(|holder| holder.session).collect();
        leftovers.sessions = old_sessions(cx, wanted, kept).await?;
    }
    Ok(leftovers)
}

/// Removes what was found; returns how many things were removed.
pub async fn remove(cx: &Context, leftovers: &Leftovers) -> Result<usize> {
    let mut gone = 0;
    for container in &leftovers.containers {
        match remove_container(cx, container).await {
            Ok(()) => gone += 1,
            Err(error) => cx.emit(UpkeepEvent::NotRemoved(error)),
        }
    }
    for some in leftovers.sessions.chunks(HELD) {
        // they may have been resumed since they were found
        let unused = removal::unused(cx, some.iter().map(|session| (session.id, session.dir.as_path()))).await?;
        for (session, unused) in some.iter().zip(unused) {
            let removed = async {
                let _unused = unused?;
                remove_session(cx, session).await
            };
            match removed.await {
                Ok(()) => gone += 1,
                Err(error) => cx.emit(UpkeepEvent::NotRemoved(error)),
            }
        }
    }
    for unused in &leftovers.networks {
        match network::remove(cx, unused).await {
            Ok(()) => gone += 1,
            Err(error) => cx.emit(UpkeepEvent::NotRemoved(error)),
        }
    }
    for expired in &leftovers.checkpoints.expired {
        match expired::remove(cx, expired).await {
            Ok(removed) => gone += removed,
            Err(error) => cx.emit(UpkeepEvent::NotRemoved(error)),
        }
    }
    match expired::remove_orphans(cx, &leftovers.checkpoints.orphans).await {
        Ok(removed) => gone += removed,
        Err(error) => cx.emit(UpkeepEvent::NotRemoved(error)),
    }
    Ok(gone)
}

/// Removes a container, unless it has been started since it was found.
async fn remove_container(cx: &Context, old: &OldContainer) -> Result<()> {
    let runs = Cell::new(false);
    let is_left = |instance: &Instance| {
        let is_it = instance.config.get(LAUNCH) == Some(&old.launch);
        runs.set(is_it && matches!(instance.status_code, Status::Running | Status::Frozen));
        is_it && !runs.get()
    };
    remove_if(&cx.client, &old.name, is_left).await?;
    if runs.get() {
        let (step, problem) = (format!("removing container {}", old.name), "it has been started since".to_owned());
        return Err(Error::StepFailed { step, problem, hint: None });
    }
    Ok(())
}

/// Removes a session; its volume first, which nobody would find without it.
///
/// What the agent created as the container's root belongs to that root, and is handed over to the caller first.
async fn remove_session(cx: &Context, session: &OldSession) -> Result<()> {
    if let Some(volume) = &session.volume {
        state_volume::remove(cx, volume).await?;
    }
    for _ in 0..HANDED_OVER {
        match remove_dir(&session.dir).await {
            Err(Error::Host { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => {}
            done => return done,
        }
        let handed_over =
            roll_back::on_failure(cx, async { reclaim::hand_over(cx, &host_path::own(&session.dir)?).await }).await;
        match handed_over {
            Ok(0) => break,
            Ok(_) => {}
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            // it may have changed the owner of a part
            Err(error) => cx.emit(UpkeepEvent::NotHandedOver(error)),
        }
    }
    remove_dir(&session.dir).await
}

async fn remove_dir(dir: &Path) -> Result<()> {
    let dir = dir.to_owned();
    blocking(move || Store::remove(&dir)).await
}

/// A stopped container of the caller that nothing needs any more.
fn left_over(cx: &Context, instance: &Instance, wanted: Wanted) -> Option<OldContainer> {
    let marks = Marks::from_config(&instance.config)?;
    let mine = marks.owner_uid == cx.caller.ids.uid && instance.name.starts_with(cx.prefix.as_str());
    // one that never ran is still being created by the launch that claimed it
    let stopped = instance.status_code == Status::Stopped && ownership::was_started(instance);
    let why = match (marks.kind, instance.ephemeral) {
        // whose record says how long it is kept
        (Kind::Checkpoint, _) => return None,
        (Kind::Build, _) => "left by a build",
        (_, true) => "left by a crash",
        (_, false) if marks.lifetime.is_persistent() && wanted.persistent => "stopped, persistent",
        (_, false) if marks.lifetime.is_persistent() => return None,
        (_, false) => "stopped",
    };
    (mine && stopped).then(|| OldContainer { name: instance.name.clone(), why, bytes: None, launch: marks.launch })
}

/// Asks what it takes on the disk; no answer is no reason to keep it.
async fn weigh(cx: &Context, old: &mut OldContainer) {
    let state = cx.client.instance_state(&old.name).await.unwrap_or_default();
    let usage = state.disk.get("root").and_then(|disk| u64::try_from(disk.usage).ok());
    old.bytes = usage.filter(|bytes| *bytes > 0);
}

/// Sessions without a container.
async fn old_sessions(cx: &Context, wanted: Wanted, kept: Vec<SessionId>) -> Result<Vec<OldSession>> {
    let store = launch::store(cx);
    let found = blocking(move || {
        let found = store.all()?;
        let free = found.sessions.into_iter().filter(|saved| !kept.contains(&saved.metadata.session_id));
        let old = free.filter(|saved| is_old(&saved.metadata.saved_at, wanted.older_than));
        let sized = old.map(|saved| OldSession {
            id: saved.metadata.session_id,
            workspace: saved.metadata.workspace.to_string_lossy().into_owned(),
            bytes: size::of_tree(&saved.dir),
            volume: state_volume::from_metadata(&saved.metadata).map(|(volume, _)| volume),
            dir: saved.dir,
        });
        Ok((sized.collect(), found.damaged))
    });
    let (sessions, damaged): (Vec<_>, Vec<_>) = found.await?;
    for problem in damaged {
        cx.emit(SessionEvent::Damaged(problem));
    }
    Ok(sessions)
}

/// A time that cannot be read does not count as old.
fn is_old(rfc3339: &str, age: Option<Duration>) -> bool {
    let Some(age) = age else { return true };
    let Ok(then) = rfc3339.parse::<Timestamp>() else { return false };
    Timestamp::now().duration_since(then).unsigned_abs() >= age && then <= Timestamp::now()
}
