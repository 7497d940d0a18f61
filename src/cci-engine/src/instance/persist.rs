//! `persist`: makes a running ephemeral container persistent; Incus stores that, so no live shell can undo it.

use std::collections::BTreeMap;

use cci_core::Result;
use cci_core::lifetime::Lifetime;
use cci_core::mark::PERSISTENT;
use cci_incus::InstancePatch;

use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::instance::ownership;
use crate::session::record;

/// Makes one container persistent.
pub async fn persist(cx: &Context, name: &str) -> Result<()> {
    let owned = ownership::one(cx, name).await?;
    let patch = InstancePatch {
        ephemeral: Some(false),
        config: BTreeMap::from([(PERSISTENT.to_owned(), "true".to_owned())]),
        ..InstancePatch::default()
    };
    cx.client.patch_instance(name, &patch, None).await.during("persist the container")?;
    let session = match owned.marks.session {
        Some(session) => Some(session),
        None => record::of_container(cx, name).await?.map(|metadata| metadata.session_id),
    };
    match session {
        Some(session) => record::refresh(cx, session, Some(Lifetime::Persistent)).await.map(drop),
        None => Ok(()),
    }
}
