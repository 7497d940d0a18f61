//! What a checkpoint is of: a container of the workspace, the conversation in it, or the workspace alone.

use cci_core::session::SessionId;
use cci_core::slot::{Slot, SlotChoice};
use cci_core::{Error, Result};

use crate::context::Context;
use crate::instance::ownership::{self, Owned};
use crate::launch;
use crate::session::resume;
use cci_host::store::sessions::Saved;

/// What a checkpoint is of, besides the workspace.
pub(crate) struct Subject {
    /// The container, running or stopped; none if it is gone.
    pub(crate) container: Option<Owned>,
    /// The conversation; none for a workspace in which no agent was ever started.
    pub(crate) session: Option<Saved>,
}

impl Subject {
    /// The conversation's id.
    pub(crate) fn session_id(&self) -> Option<SessionId> {
        self.session.as_ref().map(|saved| saved.metadata.session_id)
    }

    /// The slot: of the container, else the one that the conversation had last.
    pub(crate) fn slot(&self) -> Option<Slot> {
        let of_container = self.container.as_ref().and_then(|owned| owned.marks.slot);
        let noted = || self.session.as_ref().and_then(|saved| saved.metadata.further().slot).and_then(Slot::new);
        of_container.or_else(noted)
    }

    /// Whether there is neither a container nor a conversation.
    pub(crate) fn is_nothing(&self) -> bool {
        self.container.is_none() && self.session.is_none()
    }

    /// Whether the container runs.
    pub(crate) fn runs(&self) -> bool {
        self.container.as_ref().is_some_and(Owned::runs)
    }
}

/// The subject in a slot of this workspace. Without a slot: the one container that runs, else the one that is stopped,
/// else the newest conversation.
pub(crate) async fn find(cx: &Context, slot: SlotChoice) -> Result<Subject> {
    among(cx, containers(cx).await?, slot).await
}

/// The same among these containers.
pub(crate) async fn among(cx: &Context, here: Vec<Owned>, slot: SlotChoice) -> Result<Subject> {
    let wanted = match slot {
        SlotChoice::Exactly(slot) | SlotChoice::Preferably(slot) => {
            let there = here.into_iter().find(|owned| owned.marks.slot == Some(slot));
            Some(there.ok_or_else(|| not_there(cx, slot))?)
        }
        SlotChoice::Auto => only(here)?,
    };
    match wanted {
        Some(owned) => of_container(cx, owned).await,
        None => latest(cx).await,
    }
}

/// The subject whose conversation this is.
pub(crate) async fn of_session(cx: &Context, id: SessionId) -> Result<Subject> {
    of_session_among(cx, containers(cx).await?, id).await
}

/// The same among these containers.
pub(crate) async fn of_session_among(cx: &Context, here: Vec<Owned>, id: SessionId) -> Result<Subject> {
    let container = here.into_iter().find(|owned| owned.marks.session == Some(id));
    let store = launch::store(cx);
    let session = crate::blocking::blocking(move || store.read(id)).await?;
    Ok(Subject { container, session })
}

/// The subject in this container.
pub(crate) async fn of_container(cx: &Context, owned: Owned) -> Result<Subject> {
    let store = launch::store(cx);
    let session = match owned.marks.session {
        Some(id) => crate::blocking::blocking(move || store.read(id)).await?,
        None => None,
    };
    Ok(Subject { container: Some(owned), session })
}

/// The caller's containers of this workspace that have a slot.
pub(crate) async fn containers(cx: &Context) -> Result<Vec<Owned>> {
    let all = ownership::all(cx).await?;
    let here = |owned: &Owned| owned.marks.workspace.as_deref() == Some(cx.workspace.path());
    Ok(all.into_iter().filter(|owned| here(owned) && owned.marks.slot.is_some()).collect())
}

fn only(here: Vec<Owned>) -> Result<Option<Owned>> {
    let (running, stopped): (Vec<Owned>, Vec<Owned>) = here.into_iter().partition(Owned::runs);
    let mut candidates = if running.is_empty() { stopped } else { running };
    if candidates.len() > 1 {
        let slots: Vec<String> =
            candidates.iter().filter_map(|owned| owned.marks.slot).map(|slot| slot.to_string()).collect();
        return Err(Error::Usage {
            problem: format!("this workspace has sessions in slots {}", slots.join(", ")),
            hint: Some("choose one with --slot N".into()),
        });
    }
    Ok(candidates.pop())
}

fn not_there(cx: &Context, slot: Slot) -> Error {
    let name = cci_core::name::ContainerName::new(&cx.prefix, &cx.workspace, slot).to_string();
    Error::ContainerNotFound { name }
}

async fn latest(cx: &Context) -> Result<Subject> {
    match resume::latest(cx).await {
        Ok(saved) => Ok(Subject { container: None, session: Some(saved) }),
        Err(Error::NoSession { .. }) => Ok(Subject { container: None, session: None }),
        Err(error) => Err(error),
    }
}
