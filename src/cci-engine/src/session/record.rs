//! Keeps a session's metadata up to date: written before the agent starts, refreshed whenever the session is left or
//! stopped.

use std::collections::BTreeSet;

use cci_core::Result;
use cci_core::lifetime::Lifetime;
use cci_core::metadata::{Further, InVolume, Metadata, SCHEMA_VERSION};
use cci_core::session::SessionId;
use jiff::Timestamp;

use crate::blocking::blocking;
use crate::context::Context;
use crate::launch::{self, Launched};
use crate::ledger::Made;
use cci_host::store::put;

/// The time in the format of the metadata: RFC 3339, UTC, whole seconds.
fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The metadata of a starting session, without what only the claim decides.
pub(crate) struct Draft {
    id: SessionId,
    began: String,
    /// Its previous metadata, when it is resumed.
    before: Option<Metadata>,
}

/// Metadata on the disk that is not in its final place yet.
pub(crate) struct Staged {
    metadata: Metadata,
    file: put::Staged,
    /// Its entry in the ledger.
    made: Made,
}

impl Draft {
    /// Of a session that starts now; `before` is its previous metadata when it is resumed.
    pub(crate) fn new(id: SessionId, before: Option<Metadata>) -> Self {
        Self { id, began: now(), before }
    }

    /// Writes what will be true if the launch gets what it expects. The disk can take longer than Incus takes for the
    /// container, so this is done meanwhile.
    pub(crate) async fn stage(&self, cx: &Context, expected: Option<&Launched>) -> Result<Option<Staged>> {
        let Some(expected) = expected else { return Ok(None) };
        let (store, metadata) = (launch::store(cx), self.metadata(cx, expected));
        let beside = store.beside_metadata(self.id);
        let made = Made::Staged(beside.clone());
        cx.scope.ledger.push(made.clone());
        cx.scope.writing(move || Ok(Some(Staged { file: store.stage(&metadata, &beside)?, metadata, made }))).await
    }

    /// Publishes it as the session's metadata, or writes what is true instead.
    pub(crate) async fn publish(&self, cx: &Context, staged: Option<Staged>, launched: &Launched) -> Result<()> {
        let (store, metadata) = (launch::store(cx), self.metadata(cx, launched));
        let made = staged.as_ref().map(|staged| staged.made.clone());
        cx.scope
            .writing(move || match staged {
                Some(staged) if staged.metadata == metadata => staged.file.publish(),
                _ => store.write(&metadata),
            })
            .await?;
        if let Some(made) = made {
            cx.scope.ledger.forget(&made);
        }
        Ok(())
    }

    fn metadata(&self, cx: &Context, launched: &Launched) -> Metadata {
        let plan = &launched.plan;
        let created_at = self.before.as_ref().and_then(|before| before.further().created_at);
        let mut metadata = Metadata {
            session_id: self.id,
            container_name: launched.name.clone(),
            persistent: launched.lifetime.is_persistent(),
            workspace: plan.workspace.path().to_owned(),
            saved_at: self.began.clone(),
            further: self.before.as_ref().map(|before| before.further.clone()).unwrap_or_default(),
        };
        metadata.set_further(&Further {
            schema_version: SCHEMA_VERSION,
            slot: Some(launched.slot.number()),
            tool: Some(plan.tool.name.clone()),
            profile: cx.settings.profile.clone(),
            image: Some(plan.image().to_owned()),
            network: Some(plan.network.word().to_owned()),
            boundary: Some(plan.boundary.word().to_owned()),
            created_at: Some(created_at.unwrap_or_else(|| self.began.clone())),
            pinned: plan.pinned(),
            volume: plan.state_volume().map(|volume| InVolume { pool: volume.pool, filling: None }),
            given: Some(cx.environment.keys().cloned().collect()),
        });
        metadata
    }
}

/// Notes that the command line may have given an agent that is started again in its container these variables too.
pub(crate) async fn note_given(cx: &Context, id: SessionId) -> Result<()> {
    let (store, names) = (launch::store(cx), cx.environment.keys().cloned().collect::<BTreeSet<String>>());
    if names.is_empty() {
        return Ok(());
    }
    cx.scope
        .writing(move || {
            let Ok(Some(mut saved)) = store.read(id) else { return Ok(()) };
            let mut further = saved.metadata.further();
            let given = further.given.iter().flatten().cloned().chain(names).collect::<BTreeSet<String>>();
            further.given = Some(given.into_iter().collect());
            saved.metadata.set_further(&further);
            store.write(&saved.metadata)
        })
        .await
}

/// Notes that a session was active until now and, if that is decided again, whether its container is kept; returns the
/// lifetime that is then recorded.
///
/// A session with missing or damaged metadata is left as it is: the conversation is not in this file.
pub(crate) async fn refresh(cx: &Context, id: SessionId, lifetime: Option<Lifetime>) -> Result<Option<Lifetime>> {
    let store = launch::store(cx);
    blocking(move || {
        let Ok(Some(mut saved)) = store.read(id) else { return Ok(None) };
        saved.metadata.saved_at = now();
        if let Some(lifetime) = lifetime {
            saved.metadata.persistent = lifetime.is_persistent();
        }
        match store.write(&saved.metadata) {
            // it has been removed meanwhile
            Err(_) if !saved.dir.exists() => Ok(None),
            written => written.map(|()| Some(Lifetime::persistent(saved.metadata.persistent))),
        }
    })
    .await
}

/// The session whose metadata names this container, newest first: for instances without a session label.
pub(crate) async fn of_container(cx: &Context, container: &str) -> Result<Option<Metadata>> {
    let (store, container) = (launch::store(cx), container.to_owned());
    blocking(move || {
        let sessions = store.all()?.sessions;
        Ok(sessions.into_iter().map(|saved| saved.metadata).find(|metadata| metadata.container_name == container))
    })
    .await
}
