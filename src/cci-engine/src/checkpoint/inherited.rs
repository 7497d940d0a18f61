//! The metadata of a conversation that begins as a copy of another one.

use cci_core::metadata::Metadata;
use cci_core::name::ContainerName;
use cci_core::session::SessionId;
use cci_core::slot::Slot;

use super::opened::now;
use crate::context::Context;

/// What a conversation of this workspace takes over from the one that it is a copy of; not where that one was kept.
pub(super) fn metadata(cx: &Context, session: SessionId, from: Option<&Metadata>, persistent: bool) -> Metadata {
    let name = Slot::all().next().map(|slot| ContainerName::new(&cx.prefix, &cx.workspace, slot).to_string());
    let mut further = from.map(Metadata::further).unwrap_or_default();
    (further.slot, further.created_at, further.volume, further.pinned) = (None, None, None, Vec::new());
    let mut metadata = Metadata {
        session_id: session,
        container_name: name.unwrap_or_default(),
        persistent,
        workspace: cx.workspace.path().to_owned(),
        saved_at: now(),
        further: serde_json::Map::new(),
    };
    metadata.set_further(&further);
    metadata
}
