//! Whether host paths still lead to what a container is held to: what was replaced, no start shows again.

use std::path::PathBuf;

use cci_core::host_disk;
use cci_core::pin::Pinned;
use cci_incus::Instance;

use crate::site::host_path;

/// The paths of the host that a container is held to.
pub(crate) fn pinned(instance: &Instance) -> Vec<Pinned> {
    host_disk::pinned(&instance.devices, &instance.config)
}

/// Those of them at which something else is now, or nothing.
pub(crate) fn replaced(pinned: &[Pinned]) -> Vec<PathBuf> {
    let is_other = |one: &&Pinned| !host_path::identity(one.source.as_ref()).is_some_and(|now| one.is(now));
    pinned.iter().filter(is_other).map(|one| PathBuf::from(&one.source)).collect()
}
