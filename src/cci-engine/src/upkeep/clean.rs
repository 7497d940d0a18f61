//! `clean`: what is left over and what may go, found first and removed only when the person agrees.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cci_core::mark::{Kind, Marks};
use cci_core::plan::StateVolume;
use cci_core::session::SessionId;
use cci_core::{Error, Result};
use cci_incus::{Instance, Status};
use jiff::Timestamp;

use crate::blocking::blocking;
use crate::context::Context;
use crate::event::{SessionEvent, UpkeepEvent};
use crate::incus_error::DuringStep;
use crate::instance::owned;
use crate::instance::remove::remove_launched;
use crate::launch;
use crate::network::{self, Unused};
use crate::roll_back;
use crate::session::held::{self, Holder};
use crate::session::state_volume;
use crate::site::host_path;
use crate::upkeep::reclaim;
use cci_host::store::sessions::Store;
use cci_host::store::size;

/// How often what a container's root left in a session is handed over: what lies very deep comes up once in each turn.
const HANDED_OVER: usize = 3;

/// What is to be cleaned.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Stopped persistent containers.
    pub containers: bool,
    /// Saved sessions that no container has.
    pub sessions: bool,
    /// Stopped persistent containers too.
    pub persistent: bool,
    /// Only what is at least this old.
    pub older_than: Option<Duration>,
}

/// A container that may go.
#[derive(Debug, Clone)]
pub struct OldContainer {
    /// The container's name.
    pub name: String,
    /// Why it may go.
    pub why: &'static str,
    launch: String,
}

/// A session that may go.
#[derive(Debug, Clone)]
pub struct OldSession {
    /// The session.
    pub id: SessionId,
    /// Its project directory.
    pub workspace: String,
    /// How much disk it takes.
    pub bytes: u64,
    dir: PathBuf,
    /// What holds it where the daemon cannot reach the directory.
    volume: Option<StateVolume>,
}

/// Everything that may go.
#[derive(Debug, Default)]
pub struct Rubbish {
    /// Containers that may go.
    pub containers: Vec<OldContainer>,
    /// Sessions that may go.
    pub sessions: Vec<OldSession>,
    /// Networks of policies that no container is on.
    pub networks: Vec<Unused>,
}

impl Rubbish {
    /// How many things that are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.containers.len() + self.sessions.len() + self.networks.len()
    }
}

/// Looks, and changes nothing.
pub async fn find(cx: &Context, wanted: Wanted) -> Result<Rubbish> {
    let instances = cx.client.instances().await.during("list the containers")?;
    let mut rubbish = Rubbish::default();
    if wanted.containers {
        let old = instances.iter().filter(|instance| is_old(&instance.last_used_at, wanted.older_than));
        rubbish.containers = old.filter_map(|instance| left_over(cx, instance, wanted)).collect();
        let going: Vec<&str> = rubbish.containers.iter().map(|old| old.name.as_str()).collect();
        rubbish.networks = network::unused(cx, &going).await?;
    }
    if wanted.sessions {
        // a launch is of one container in one project, whose name another project may have too
        let goes = |holder: &Holder| rubbish.containers.iter().any(|old| holder.is(&old.name, &old.launch));
        let holders = held::all(cx).await?;
        let kept = holders.iter().filter(|holder| !goes(holder)).map(|holder| holder.session).collect();
        rubbish.sessions = old_sessions(cx, wanted, kept).await?;
    }
    Ok(rubbish)
}

/// Removes what was found; how many things are gone.
pub async fn remove(cx: &Context, rubbish: &Rubbish) -> Result<usize> {
    let mut gone = 0;
    for container in &rubbish.containers {
        match remove_launched(&cx.client, &container.name, &container.launch).await {
            Ok(_) => gone += 1,
            Err(error) => cx.emit(UpkeepEvent::NotRemoved(error)),
        }
    }
    for session in &rubbish.sessions {
        match remove_session(cx, session).await {
            Ok(()) => gone += 1,
            Err(error) => cx.emit(UpkeepEvent::NotRemoved(error)),
        }
    }
    for unused in &rubbish.networks {
        match network::remove(cx, unused).await {
            Ok(()) => gone += 1,
            Err(error) => cx.emit(UpkeepEvent::NotRemoved(error)),
        }
    }
    Ok(gone)
}

/// Removes a session; its volume first, which nobody would find without it.
///
/// What the agent made as the container's root is that root's, and is handed over to the caller first.
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
            // of a part it may have changed the owner
            Err(error) => cx.emit(UpkeepEvent::NotHandedOver(error)),
        }
    }
    remove_dir(&session.dir).await
}

async fn remove_dir(dir: &Path) -> Result<()> {
    let dir = dir.to_owned();
    blocking(move || Store::remove(&dir)).await
}

/// A stopped container of the caller's that nothing needs any more.
fn left_over(cx: &Context, instance: &Instance, wanted: Wanted) -> Option<OldContainer> {
    let marks = Marks::from_config(&instance.config)?;
    let mine = marks.owner_uid == cx.caller.ids.uid && instance.name.starts_with(cx.prefix.as_str());
    // one that never ran is still being made by the launch that claimed it
    let stopped = instance.status_code == Status::Stopped && owned::was_started(instance);
    let why = match (marks.kind, instance.ephemeral) {
        (Kind::Build, _) => "left by a build",
        (_, true) => "left by a crash",
        (_, false) if marks.lifetime.is_persistent() && wanted.persistent => "stopped, persistent",
        (_, false) if marks.lifetime.is_persistent() => return None,
        (_, false) => "stopped",
    };
    (mine && stopped).then(|| OldContainer { name: instance.name.clone(), why, launch: marks.launch })
}

/// Sessions that no container has.
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
            volume: state_volume::of(&saved.metadata).map(|(volume, _)| volume),
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

/// A time that cannot be read is not known to be old.
fn is_old(rfc3339: &str, age: Option<Duration>) -> bool {
    let Some(age) = age else { return true };
    let Ok(then) = rfc3339.parse::<Timestamp>() else { return false };
    Timestamp::now().duration_since(then).unsigned_abs() >= age && then <= Timestamp::now()
}
