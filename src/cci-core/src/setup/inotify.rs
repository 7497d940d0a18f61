//! Whether the kernel has inotify instances for many containers.

use super::finding::{Finding, Health};
use super::step::Step;

/// What one container's system takes of the kernel's inotify instances.
const A_CONTAINERS: u64 = 12;
/// Enough of them for a hundred containers.
pub const MANY_INOTIFY: u64 = 100 * A_CONTAINERS;
/// What Incus's documentation advises for a server.
const ENOUGH_INOTIFY: u64 = 1 << 20;

/// Every container's systemd takes about a dozen, and all containers together have what one user of the host has: where
/// they run out, the next container ends while it boots.
pub(super) fn inotify(instances: u64) -> Finding {
    if instances >= MANY_INOTIFY {
        return Finding::ok("inotify", format!("{instances} inotify instances are enough for many containers"));
    }
    let raise = Step::RaiseLimit { key: "fs.inotify.max_user_instances", value: ENOUGH_INOTIFY };
    let text = format!("{instances} inotify instances are enough for {} containers only", instances / A_CONTAINERS);
    Finding { health: Health::Warning, ..Finding::broken("inotify", text, vec![raise]) }
}
