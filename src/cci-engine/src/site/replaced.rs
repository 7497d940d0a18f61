//! Which of the host paths that a container is pinned to lead to something else now: it can no longer start.

use std::path::PathBuf;

use cci_core::Result;
use cci_core::host_disk;
use cci_core::pin::Pinned;
use cci_incus::Instance;

use crate::blocking::blocking;
use crate::context::Context;
use crate::site::host_path;

/// The paths of the host that a container is pinned to.
pub(crate) fn pinned(instance: &Instance) -> Vec<Pinned> {
    host_disk::pinned(&instance.devices, &instance.config)
}

/// Those that lead to something else now, or to nothing; a file system that does not answer is waited for until the call
/// is to stop.
pub(crate) async fn replaced(cx: &Context, pinned: Vec<Pinned>) -> Result<Vec<PathBuf>> {
    let is_other = |one: &Pinned| !host_path::identity(one.source.as_ref()).is_some_and(|now| one.is(now));
    let look = move || Ok(pinned.into_iter().filter(is_other).map(|one| PathBuf::from(one.source)).collect());
    cx.scope.until_cancelled(blocking(look)).await
}
