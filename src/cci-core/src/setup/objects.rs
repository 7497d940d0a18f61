//! What the daemon has for containers: a pool, a bridge, and a profile with both.

use super::finding::Finding;
use super::found::{Found, Objects};
use super::step::Step;
use super::subnet;

/// The pool that containers go to, and its name.
pub(super) fn pool(found: &Found, objects: &Objects) -> (Finding, Option<String>) {
    let of_profile =
        objects.profile_root.as_ref().and_then(|name| objects.pools.iter().find(|pool| pool.name == *name));
    let best =
        of_profile.or_else(|| objects.pools.iter().find(|pool| pool.is_copy_on_write())).or(objects.pools.first());
    match best {
        Some(pool) if pool.is_copy_on_write() => {
            (Finding::ok("pool", format!("storage pool '{}' ({})", pool.name, pool.driver)), Some(pool.name.clone()))
        }
        Some(pool) => {
            let text = format!("storage pool '{}' ({}) copies the image at each launch", pool.name, pool.driver);
            let fix = "make one on btrfs or zfs and give it to the default profile: about 0.3 s instead of 6 s a GiB";
            (Finding::warning("pool", text, fix), Some(pool.name.clone()))
        }
        None => {
            let (driver, gib) = if found.btrfs { ("btrfs", Some(loop_gib(found.free_bytes))) } else { ("dir", None) };
            let create = Step::CreatePool { driver, gib };
            (Finding::broken("pool", "there is no storage pool", vec![create]), Some("default".to_owned()))
        }
    }
}

/// A third of what is free, within reason: the file is sparse.
fn loop_gib(free_bytes: u64) -> u64 {
    (free_bytes / (3 << 30)).clamp(5, 64)
}

/// The bridge that containers are on, and its name.
pub(super) fn bridge(found: &Found, objects: &Objects) -> (Finding, Option<String>) {
    if let Some(name) = &objects.profile_nic {
        return (Finding::ok("bridge", format!("containers are on '{name}'")), Some(name.clone()));
    }
    if let Some((name, address)) = objects.bridges.iter().find(|(name, _)| !name.starts_with("cci-")) {
        return (Finding::ok("bridge", format!("bridge '{name}' ({address})")), Some(name.clone()));
    }
    let name = (0..1000).map(|n| format!("incusbr{n}")).find(|name| !objects.network_names.contains(name));
    let (Some(name), Some(address)) = (name, subnet::free(&found.routes)) else {
        let text = "there is no bridge, and no free subnet in 10/8 for one";
        let finding = Finding::broken("bridge", text, Vec::new())
            .fixed_by("incus network create incusbr0 ipv4.address=<a free one>/24 ipv4.nat=true ipv6.address=none");
        return (finding, None);
    };
    let create = Step::CreateBridge { name: name.clone(), address };
    (Finding::broken("bridge", "there is no bridge for containers", vec![create]), Some(name))
}

pub(super) fn profile(objects: &Objects, pool: Option<String>, network: Option<String>) -> Finding {
    let pool = pool.filter(|_| objects.profile_root.is_none());
    let network = network.filter(|_| objects.profile_nic.is_none());
    let lacks = match (&pool, &network) {
        (None, None) => return Finding::ok("profile", "the default profile has a root disk and a NIC"),
        (Some(_), Some(_)) => "a root disk and a NIC",
        (Some(_), None) => "a root disk",
        (None, Some(_)) => "a NIC",
    };
    Finding::broken(
        "profile",
        format!("the default profile lacks {lacks}"),
        vec![Step::CompleteProfile { pool, network }],
    )
}
