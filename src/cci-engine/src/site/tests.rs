//! What asks a file system that does not answer, and lets the call be stopped all the same.

use std::path::PathBuf;
use std::sync::mpsc;

use cci_core::access::Wanted;
use cci_core::pin::{Birth, Identity, Pinned};
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use cci_incus::Instance;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::instance::also_named;
use crate::ledger::{Ledger, Server};
use crate::scope::Scope;
use crate::site::{access, replaced};
use crate::testing::World;

/// What becomes of work that waits for the disk when the call is stopped.
fn stopped<T>(world: &World, work: impl AsyncFnOnce(&Context) -> Result<T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).enable_all().build().unwrap();
    let (end, over) = mpsc::channel::<()>();
    let done = runtime.block_on(async {
        // the only thread that waits for disks waits for one
        tokio::task::spawn_blocking(move || over.recv());
        let cancel = CancellationToken::new();
        let server = Server { endpoint: "/fake".into(), project: "default".into() };
        let cx = Context {
            scope: Scope::new(cancel.clone(), Ledger::new(world.unfinished(), server)),
            workspace: Workspace::at(PathBuf::from("/proj-by-another-name")),
            ..world.cx()
        };
        let (done, ()) = tokio::join!(work(&cx), async {
            tokio::task::yield_now().await;
            cancel.cancel();
        });
        done
    });
    drop(end);
    done
}

#[test]
fn a_dead_file_system_blocks_neither_the_thread_nor_ctrl_c() {
    let world = World::new();
    let identity = Identity { device: 0, inode: 0, born: Birth::default() };
    let pinned = vec![Pinned { source: "/".into(), identity }];
    assert!(matches!(stopped(&world, async |cx| replaced::replaced(cx, pinned).await), Err(Error::Interrupted)));
    let asked = stopped(&world, async |cx| access::of(cx, &world.proj(), Wanted::Write).await);
    assert!(matches!(asked, Err(Error::Interrupted)));
    let workspace = json!({"type": "disk", "source": world.proj(), "path": "/workspace"});
    world.container(&world.slot(1)).device("workspace", workspace).put();
    let other: Instance = serde_json::from_value(world.instance(&world.slot(1)).unwrap()).unwrap();
    let named = stopped(&world, async |cx| also_named::report(cx, [&other]).await);
    assert!(matches!(named, Err(Error::Interrupted)));
}
