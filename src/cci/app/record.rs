//! Keeps a session's metadata true: written before the agent starts, refreshed whenever the session is left or ended.

use cci_core::Result;
use cci_core::lifetime::Lifetime;
use cci_core::metadata::{Further, InVolume, Metadata, SCHEMA_VERSION};
use cci_core::session::SessionId;
use jiff::Timestamp;

use super::blocking::blocking;
use super::context::Context;
use super::launch::{self, Launched};

/// The time as metadata has it: RFC 3339, UTC, whole seconds.
fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Writes the metadata of a session that starts in `launched`; `before` is what it had when it is resumed.
pub(crate) async fn begin(cx: &Context, id: SessionId, before: Option<Metadata>, launched: &Launched) -> Result<()> {
    let plan = &launched.plan;
    let created_at = before.as_ref().and_then(|before| before.further().created_at).unwrap_or_else(now);
    let mut metadata = Metadata {
        session_id: id,
        container_name: launched.name.clone(),
        persistent: launched.lifetime.is_persistent(),
        workspace: plan.workspace.path().to_owned(),
        saved_at: now(),
        further: before.map(|before| before.further).unwrap_or_default(),
    };
    metadata.set_further(&Further {
        schema_version: SCHEMA_VERSION,
        slot: Some(launched.slot.number()),
        tool: Some(plan.tool.name.clone()),
        profile: cx.settings.profile.clone(),
        image: Some(plan.image().to_owned()),
        network: Some(plan.network.word().to_owned()),
        created_at: Some(created_at),
        volume: plan.state_volume().map(|volume| InVolume { pool: volume.pool, filling: None }),
    });
    let store = launch::store(cx);
    blocking(move || store.write(&metadata)).await
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
