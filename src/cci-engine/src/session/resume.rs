//! Finds the conversation that `--resume` means, and what a launch inherits from it.

use std::path::PathBuf;

use cci_core::boundary::Boundary;
use cci_core::metadata::Metadata;
use cci_core::name::ContainerName;
use cci_core::network::Mode;
use cci_core::session::{Resume, SessionId};
use cci_core::slot::{Slot, SlotChoice};
use cci_core::{Error, Result};
use jiff::Timestamp;

use crate::blocking::blocking;
use crate::context::Context;
use crate::event::SessionEvent;
use crate::launch;
use crate::session::state_volume;
use crate::site::host_path;
use cci_host::mounts::Names;
use cci_host::settings::Overrule;
use cci_host::store::session_lock::{self, Resuming};
use cci_host::store::sessions::{Saved, Store};

/// What the command line gives explicitly, so that it is not inherited.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub struct Given {
    /// `--slot` was given.
    pub slot: bool,
    /// `--profile` was given.
    pub profile: bool,
    /// `--image` was given.
    pub image: bool,
    /// `--persistent` was given.
    pub persistent: bool,
    /// `--network` was given.
    pub network: bool,
    /// `--boundary` was given.
    pub boundary: bool,
}

/// Which network mode a session goes on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// The one that it had.
    Inherited,
    /// The one that it had or the one of the settings, whichever lets less through.
    Stricter,
}

/// A conversation to resume.
#[derive(Debug)]
pub(crate) struct Resumed {
    pub(crate) saved: Saved,
    /// The agent's newest transcript; a session that never got that far has none.
    pub(crate) transcript: Option<String>,
    /// Until a container has it, nobody removes it.
    _held: Resuming,
}

impl Resumed {
    pub(crate) fn id(&self) -> SessionId {
        self.saved.metadata.session_id
    }
}

/// The conversation to resume; `None` for a new one.
pub(crate) async fn find(cx: &Context, resume: &Resume) -> Result<Option<Resumed>> {
    let (saved, held) = loop {
        let saved = match resume {
            Resume::No => return Ok(None),
            Resume::Latest => latest(cx).await?,
            Resume::Exactly(id) => by_id(cx, id).await?,
        };
        // one that is removed at this moment is not found the next time
        if let Some(held) = held(&saved).await? {
            break (saved, held);
        }
    };
    if matches!(resume, Resume::Latest) {
        cx.emit(SessionEvent::AutoDetected(saved.metadata.session_id));
    }
    cx.emit(SessionEvent::Resuming(saved.metadata.session_id));
    // otherwise an older state than the last would be resumed
    state_volume::bring_saved_home(cx, &saved).await?;
    let (store, id) = (launch::store(cx), saved.metadata.session_id);
    let transcript = blocking(move || Ok(store.newest_transcript(id))).await?;
    Ok(Some(Resumed { saved, transcript: transcript.map(|found| found.id), _held: held }))
}

/// Keeps a session from being removed; `None` if it has been.
async fn held(saved: &Saved) -> Result<Option<Resuming>> {
    let dir = saved.dir.clone();
    blocking(move || session_lock::resume(&dir).map_err(|source| Error::Host { step: "hold", path: dir, source })).await
}

/// The session of this workspace that was active last.
pub(crate) async fn latest(cx: &Context) -> Result<Saved> {
    let store = launch::store(cx);
    let found = blocking(move || store.all()).await?;
    for problem in found.damaged {
        cx.emit(SessionEvent::Damaged(problem));
    }
    let (here, elsewhere): (Vec<Saved>, Vec<Saved>) =
        found.sessions.into_iter().partition(|saved| is_of_workspace(cx, &saved.metadata));
    for saved in &here {
        // it may have continued in its volume since
        state_volume::brought_home(cx, saved).await;
    }
    let store = launch::store(cx);
    let activity = move |saved: &Saved| activity(&store, &saved.metadata);
    // they come newest first, and of several in one second the last is taken
    let newest = blocking(move || Ok(here.into_iter().rev().max_by_key(activity))).await?;
    match newest {
        Some(newest) => Ok(newest),
        None => Err(Error::NoSession { other: other_name(cx, elsewhere).await? }),
    }
}

/// Another name of this workspace, through a link or a bind mount, under which there are sessions.
async fn other_name(cx: &Context, elsewhere: Vec<Saved>) -> Result<Option<PathBuf>> {
    let workspace = cx.workspace.clone();
    blocking(move || {
        let (directory, names) = (host_path::real(workspace.path()), Names::now());
        let mut others = elsewhere.into_iter().map(|saved| saved.metadata.workspace);
        Ok(others.find(|other| other != workspace.path() && names.are_one(&host_path::real(other), &directory)))
    })
    .await
}

/// A session by its id, whichever workspace it belongs to.
pub(crate) async fn any_by_id(cx: &Context, raw: &str) -> Result<Saved> {
    let not_found = || Error::SessionNotFound { id: raw.to_owned() };
    let id: SessionId = raw.parse().map_err(|_| not_found())?;
    let store = launch::store(cx);
    blocking(move || store.read(id)).await?.ok_or_else(not_found)
}

/// A session by its id, only if it belongs to this workspace.
async fn by_id(cx: &Context, raw: &str) -> Result<Saved> {
    let saved = any_by_id(cx, raw).await?;
    if is_of_workspace(cx, &saved.metadata) {
        return Ok(saved);
    }
    Err(Error::SessionElsewhere { id: raw.to_owned(), workspace: saved.metadata.workspace })
}

/// By the path, and by the hash in the container's name where that can be read.
fn is_of_workspace(cx: &Context, metadata: &Metadata) -> bool {
    let by_name = ContainerName::parse(&cx.prefix, &metadata.container_name);
    let same_hash = by_name.map_or(true, |name| name.workspace() == cx.workspace.hash());
    metadata.workspace == cx.workspace.path() && same_hash
}

/// When it was saved, or when the agent last wrote, whichever is later.
fn activity(store: &Store, metadata: &Metadata) -> Timestamp {
    let saved = metadata.saved_at.parse().unwrap_or(Timestamp::UNIX_EPOCH);
    let newest = store.newest_transcript(metadata.session_id);
    let written = newest.and_then(|found| Timestamp::try_from(found.written).ok());
    written.map_or(saved, |written| written.max(saved))
}

/// The call with what the session had and the command line does not give.
pub(crate) fn inherit(cx: &Context, given: Given, network: Network, metadata: &Metadata) -> Result<Context> {
    let further = metadata.further();
    let profile = further.profile.filter(|_| !given.profile);
    let stack = profile.map_or_else(|| cx.stack.clone(), |profile| cx.stack.with_profile(&profile));
    let had: Option<Mode> = further.network.filter(|_| !given.network).and_then(|word| word.parse().ok());
    let boundary: Option<Boundary> = further.boundary.filter(|_| !given.boundary).and_then(|word| word.parse().ok());
    let now = match network {
        Network::Inherited => None,
        Network::Stricter => Some(stack.settings()?.network.mode),
    };
    cx.with_stack(stack.overruled(Overrule {
        persistent: (!given.persistent).then_some(metadata.persistent),
        image: further.image.filter(|_| !given.image),
        network: had.map(|had| now.map_or(had, |now| now.min(had))),
        // a session that was inside gVisor stays there, and one that was not goes where the settings say
        boundary: boundary.filter(|had| *had == Boundary::Gvisor),
    }))
}

/// The slot that the session prefers: the one it had, unless the command line names one.
pub(crate) fn slot(cx: &Context, given: Given, asked: SlotChoice, metadata: &Metadata) -> SlotChoice {
    if given.slot {
        return asked;
    }
    let named = ContainerName::parse(&cx.prefix, &metadata.container_name).map(|name| name.slot()).ok();
    metadata.further().slot.and_then(Slot::new).or(named).map_or(asked, SlotChoice::Preferably)
}
