//! Tells a failure for lack of disk space from others, because its fix is different, and names the pool that is full.

use cci_core::Error;
use cci_guest::output::is_disk_full;
use cci_incus::Refusal;
use futures_util::future::join_all;

use crate::context::Context;

/// A pool with less free space than this is full: no build step can work with it.
const MIN_FREE: u64 = 32 << 20;

/// A storage pool, and how full it is in bytes.
struct Pool {
    name: String,
    used: u64,
    total: u64,
}

impl Pool {
    async fn look(cx: &Context, name: String) -> Option<Self> {
        let space = cx.client.storage_pool_resources(&name).await.ok()?.space;
        Some(Self { name, used: space.used, total: space.total })
    }

    /// The pool of a container's root disk.
    async fn of(cx: &Context, container: &str) -> Option<Self> {
        let (instance, _) = cx.client.instance(container).await.ok()?;
        Self::look(cx, instance.root_pool()?.to_owned()).await
    }

    /// The pool that has the least room.
    async fn fullest(cx: &Context) -> Option<Self> {
        let all = cx.client.storage_pools().await.ok()?;
        let all = join_all(all.into_iter().map(|pool| Self::look(cx, pool.name))).await;
        all.into_iter().flatten().min_by_key(Self::free)
    }

    fn free(&self) -> u64 {
        // one that does not count has room as far as anybody knows
        if self.total == 0 { u64::MAX } else { self.total.saturating_sub(self.used) }
    }

    fn full(self, error: &Error) -> Error {
        let Self { name, used, total } = self;
        let problem =
            format!("no space left: storage pool '{name}' has {} of {} MiB in use: {error}", used >> 20, total >> 20);
        let hint = format!(
            "remove old images, containers and checkpoints (`cci clean`, `cci image list --all`), or enlarge it: `incus storage set {name} size=NEW`"
        );
        Error::HostUnfit { problem, hint: Some(hint) }
    }
}

/// The same error, or the full pool of the container that caused it: where a program in it failed, by how full it is.
pub(crate) async fn explained(cx: &Context, container: &str, error: Error) -> Error {
    if matches!(error, Error::Interrupted) {
        return error;
    }
    let Some(pool) = Pool::of(cx, container).await else {
        return error;
    };
    let is_full = tells_of_a_full_disk(&error) || (pool.total > 0 && pool.free() < MIN_FREE);
    if is_full { pool.full(&error) } else { error }
}

/// The same error; where Incus says that a disk of its own is full, with the pool that has the least room.
pub async fn named(cx: &Context, error: Error) -> Error {
    if !matches!(error, Error::IncusRefused { refusal: Refusal::NoSpace, .. }) {
        return error;
    }
    match Pool::fullest(cx).await {
        Some(pool) => pool.full(&error),
        None => error,
    }
}

/// Whether Incus, or a program in the container, hit a full disk.
fn tells_of_a_full_disk(error: &Error) -> bool {
    match error {
        Error::IncusRefused { refusal, .. } => *refusal == Refusal::NoSpace,
        other => is_disk_full(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    #[tokio::test]
    async fn only_a_full_disk_is_one_and_the_pool_with_the_least_room_is_named() {
        let world = World::new();
        let cx = world.cx();
        let refused = |refusal| Error::IncusRefused { step: "copy".into(), refusal, message: "it said so".into() };
        let other = named(&cx, refused(Refusal::MountFailed)).await;
        assert!(matches!(other, Error::IncusRefused { .. }), "{other:?}");
        let full = named(&cx, refused(Refusal::NoSpace)).await.to_string();
        assert!(full.starts_with("no space left: storage pool 'default' has 1024 of 8192 MiB in use: "), "{full}");
        assert!(full.ends_with("it said so"), "{full}");
    }
}
