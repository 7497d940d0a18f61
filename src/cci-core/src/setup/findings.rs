//! Looks at everything that was found, in the order in which it has to be fixed.

use super::daemon::daemon;
use super::finding::Finding;
use super::firewall::in_the_way;
use super::found::{Daemon, Found, Installation, Objects};
use super::home::{closed_home, home, in_part};
use super::inotify::inotify;
use super::objects::{bridge, pool, profile};
use super::packages::packages;
use super::rights::{membership, own_range, subordinate_ids};
use super::shared_mounts::shared_mounts;

/// Everything that was looked at, in the order in which it has to be fixed.
#[must_use]
pub fn findings(found: &Found) -> Vec<Finding> {
    let mut all = vec![packages(found)];
    all.extend(["/etc/subuid", "/etc/subgid"].map(|table| subordinate_ids(found, table)));
    all.push(own_range(found));
    all.push(membership(found));
    all.extend(found.inotify_instances.map(inotify));
    all.extend(found.of_root.as_ref().map(|of_root| home(found, of_root)));
    all.extend(found.home_in_part.as_ref().map(in_part));
    all.extend(found.closed_home.as_ref().map(closed_home));
    all.push(daemon(found));
    all.extend(found.shared_mounts.as_ref().map(shared_mounts));
    // of a daemon that never ran everything is still to be made; what was not seen is not taken as absent
    let objects = match (&found.daemon, &found.objects) {
        (Daemon::Silent, _) if found.incus != Installation::Used && found.named_socket.is_none() => Objects::default(),
        (Daemon::Answers { .. }, Some(objects)) => objects.clone(),
        _ => return all,
    };
    let (pool, pool_name) = pool(found, &objects);
    let (bridge, bridge_name) = bridge(found, &objects);
    all.extend([pool, bridge, profile(&objects, pool_name, bridge_name.clone())]);
    all.extend(
        found.firewalls.iter().map(|firewall| in_the_way(*firewall, bridge_name.as_deref().unwrap_or("incusbr0"))),
    );
    all
}

#[cfg(test)]
mod tests;
