//! Notes which host ids a new container has: by them `reclaim` knows its files when it is gone.

use cci_core::container_ids::HostIds;

use crate::app::context::Context;
use crate::store::container_ids;

/// Notes them, while something else is waited for; what cannot be noted only hinders a later `reclaim`, and is said.
pub(crate) async fn note_ids(cx: &Context, name: &str) {
    let Ok((instance, _)) = cx.client.instance(name).await else { return };
    let Some(ids) = HostIds::of_instance(&instance.config) else { return };
    if let Err(error) = container_ids::note(&cx.cci_dir(), ids) {
        cx.reporter.warn(&format!("`cci reclaim` will not know files of this container's root: {error}"));
    }
}
