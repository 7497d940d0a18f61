//! Tells a failure for lack of disk space from others, because its fix is different.

use cci_core::Error;
use cci_guest::output::is_disk_full;
use cci_incus::Refusal;

use crate::context::Context;

/// A pool with less free space than this is full: no build step can work with it.
const MIN_FREE: u64 = 32 << 20;

/// The same error, or the full disk that caused it.
pub(crate) async fn explained(cx: &Context, container: &str, error: Error) -> Error {
    if matches!(error, Error::Interrupted) {
        return error;
    }
    let Some((pool, used, total)) = pool(cx, container).await else {
        return error;
    };
    if !tells_of_a_full_disk(&error) && (total == 0 || total.saturating_sub(used) >= MIN_FREE) {
        return error;
    }
    Error::HostUnfit {
        problem: format!(
            "no space left: storage pool '{pool}' has {} of {} MiB in use: {error}",
            used >> 20,
            total >> 20
        ),
        hint: Some(format!(
            "remove old images and containers (`cci clean`, `cci image list --all`), or enlarge it: `incus storage set {pool} size=NEW`"
        )),
    }
}

/// Whether Incus, or a program in the container, hit a full disk.
fn tells_of_a_full_disk(error: &Error) -> bool {
    match error {
        Error::IncusRefused { refusal, .. } => *refusal == Refusal::NoSpace,
        other => is_disk_full(&other.to_string()),
    }
}

/// The pool of the container's root disk, and how full it is in bytes.
async fn pool(cx: &Context, container: &str) -> Option<(String, u64, u64)> {
    let (instance, _) = cx.client.instance(container).await.ok()?;
    let pool = instance.root_pool()?.to_owned();
    let space = cx.client.storage_pool_resources(&pool).await.ok()?.space;
    Some((pool, space.used, space.total))
}
