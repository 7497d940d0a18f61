//! Keeps a session's metadata true: there before the agent starts, refreshed whenever the session is left or ended.

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

/// The time as metadata has it: RFC 3339, UTC, whole seconds.
fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The metadata of a session that starts, without what only the claim decides.
pub(crate) struct Draft {
    id: SessionId,
    began: String,
    /// What it had before, when it is resumed.
    before: Option<Metadata>,
}

/// Metadata that is on the disk, where nobody looks for it yet.
pub(crate) struct Staged {
    metadata: Metadata,
    file: put::Staged,
    /// As it is noted for an undo.
    made: Made,
}

impl Draft {
    /// Of a session that starts now; `before` is what it had when it is resumed.
    pub(crate) fn new(id: SessionId, before: Option<Metadata>) -> Self {
        Self { id, began: now(), before }
    }

    /// Writes what will be true if the launch gets what it expects. The disk can take longer than Incus for the
    /// container, so this is done meanwhile.
    pub(crate) async fn stage(&self, cx: &Context, expected: Option<&Launched>) -> Result<Option<Staged>> {
        let Some(expected) = expected else { return Ok(None) };
        let (store, metadata) = (launch::store(cx), self.metadata(cx, expected));
        let beside = store.beside_metadata(self.id);
        let made = Made::Staged(beside.clone());
        cx.scope.ledger.push(made.clone());
        cx.scope.writing(move || Ok(Some(Staged { file: store.stage(&metadata, &beside)?, metadata, made }))).await
    }

    /// Makes it the session's, or what is true instead.
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
            created_at: Some(created_at.unwrap_or_else(|| self.began.clone())),
            pinned: plan.pinned(),
            volume: plan.state_volume().map(|volume| InVolume { pool: volume.pool, filling: None }),
        });
        metadata
    }
}

/// Notes that a session was active until now and, where that is decided anew, whether its container is kept; what is
/// noted of that in the end.
///
/// A session without metadata, or with damaged metadata, is left as it is: the conversation is not in this file.
pub(crate) async fn refresh(cx: &Context, id: SessionId, lifetime: Option<Lifetime>) -> Result<Option<Lifetime>> {
    let store = launch::store(cx);
    blocking(move || {
        let Ok(Some(mut saved)) = store.read(id) else { return Ok(None) };
        saved.metadata.saved_at = now();
        if let Some(lifetime) = lifetime {
            saved.metadata.persistent = lifetime.is_persistent();
        }
        store.write(&saved.metadata)?;
        Ok(Some(Lifetime::persistent(saved.metadata.persistent)))
    })
    .await
}

/// The session whose metadata names this container, newest first: for instances that bear no session mark.
pub(crate) async fn of_container(cx: &Context, container: &str) -> Result<Option<Metadata>> {
    let (store, container) = (launch::store(cx), container.to_owned());
    blocking(move || {
        let sessions = store.all()?.sessions;
        Ok(sessions.into_iter().map(|saved| saved.metadata).find(|metadata| metadata.container_name == container))
    })
    .await
}
