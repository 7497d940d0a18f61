//! Kernel limits that all containers share.

use std::path::Path;

use rustix::fs::{StatVfsMountFlags, statvfs};

/// How many inotify instances one user of the host has, and all containers together.
pub const INOTIFY_INSTANCES: &str = "/proc/sys/fs/inotify/max_user_instances";

/// The current value of a limit.
#[must_use]
pub fn read(limit: &Path) -> Option<u64> {
    std::fs::read_to_string(limit).ok()?.trim().parse().ok()
}

/// The same if the machine's administrator can change it: in a container it is read-only.
#[must_use]
pub fn changeable(limit: &Path) -> Option<u64> {
    let mounted = statvfs(limit).ok()?;
    if mounted.f_flag.contains(StatVfsMountFlags::RDONLY) { None } else { read(limit) }
}
