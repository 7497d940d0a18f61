//! Refuses a limit that this host would not enforce: it would be set without effect.

use cci_core::limit::{can_bound_disks, needs_kernel, unenforced};
use cci_core::{Error, Result};
use cci_incus::Disk;

use crate::context::Context;
use crate::incus_error::DuringStep;

/// Checks only the limits that are set; `root` is the default profile's root disk.
pub(super) async fn check(cx: &Context, root: Option<&Disk>) -> Result<()> {
    check_kernel(cx).await?;
    check_pool(cx, root).await
}

async fn check_kernel(cx: &Context) -> Result<()> {
    let limits = &cx.settings.limits;
    if !needs_kernel(limits) {
        return Ok(());
    }
    let warnings = match cx.client.warnings().await {
        Ok(warnings) => warnings.into_iter().map(|warning| warning.kind).collect::<Vec<_>>(),
        // a user with a project of their own cannot see the host's warnings
        Err(error) if error.is_forbidden() => return Ok(()),
        Err(error) => return Err(error).during("look at the server's warnings"),
    };
    let Some(found) = unenforced(limits, &warnings).into_iter().next() else { return Ok(()) };
    let (key, limit, controller) = (found.key, found.limit, found.controller);
    Err(Error::HostUnfit {
        problem: format!(
            "{key} = {limit} cannot be enforced: this host's kernel has no cgroup controller {controller}"
        ),
        hint: Some("switch the controller on at boot (see `cat /proc/cgroups`), or leave the limit out".into()),
    })
}

async fn check_pool(cx: &Context, root: Option<&Disk>) -> Result<()> {
    let of_profile = root.and_then(|root| root.pool.as_ref());
    let (Some(size), Some(name)) = (&cx.settings.limits.disk, cx.settings.incus.storage_pool.as_ref().or(of_profile))
    else {
        return Ok(());
    };
    let (pool, _) = cx.client.storage_pool(name).await.during("look at the storage pool")?;
    let refused = |why: &str, hint: String| Error::HostUnfit {
        problem: format!("limits.disk = {size} cannot be enforced by storage pool {name}: {why}"),
        hint: Some(hint),
    };
    if !can_bound_disks(&pool.driver) {
        let hint = "choose a pool of btrfs, zfs or lvm with `incus.storage_pool`, or leave the limit out";
        return Err(refused(&format!("driver {} cannot limit a directory", pool.driver), hint.into()));
    }
    let source = pool.config.get("source").map(String::as_str).unwrap_or_default();
    if pool.driver == "btrfs" && cx.site().has_lost_count(source) {
        let fix = format!("`btrfs quota rescan -w /var/lib/incus/storage-pools/{name}` as root fixes it");
        let hint = format!("a count may be under way: try again; otherwise {fix}, or leave the limit out");
        return Err(refused("its quota counts are inconsistent", hint));
    }
    Ok(())
}
