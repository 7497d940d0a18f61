//! What the host knows about names: those that a policy must not reveal, and the addresses that names last had.

use cci_core::Result;
use cci_core::network::{HostNames, Policy, Resolved};
use cci_host::store::network_cache;
use jiff::Timestamp;

use crate::blocking::blocking;
use crate::context::Context;

/// The names that a policy's name server must not reveal, if it asks those of the host.
pub(super) async fn host_names(cx: &Context, policy: &Policy) -> Result<HostNames> {
    if !policy.asks_the_host() {
        return Ok(HostNames::default());
    }
    let site = cx.site();
    blocking(move || Ok(site.names())).await
}

/// Stores the addresses on the host, in case the policy is created again while no name server answers.
pub(super) async fn remember(cx: &Context, policy: &Policy, resolved: &Resolved) -> Result<()> {
    let (dir, name, resolved) = (cx.cci_dir(), policy.name(), resolved.clone());
    blocking(move || network_cache::write(&dir, &name, &resolved)).await
}

/// The time as it is stored with the names.
pub(super) fn now() -> String {
    Timestamp::now().to_string()
}
