//! Records what a new container has of the host: its ids, by which `reclaim` recognises its files after it was removed,
//! and the places that it can write, in which it can leave links.

use cci_core::container_ids::HostIds;

use crate::context::Context;
use crate::event::LaunchEvent;
use cci_host::store::noted;

/// Records them while something else is waited for; a failure is reported.
pub(crate) async fn note_ids(cx: &Context, name: &str) {
    let Ok((instance, _)) = cx.client.instance(name).await else { return };
    let ids = HostIds::of_instance(&instance.config).map(|ids| ids.to_string());
    let noted = noted::IDS.add(&cx.cci_dir(), ids.as_deref());
    if let Err(error) = noted.and_then(|()| noted::PLACES.add(&cx.cci_dir(), instance.writable_host_sources())) {
        cx.emit(LaunchEvent::NotNoted(error));
    }
}
