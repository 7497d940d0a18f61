//! How root file systems are kept, found, brought back and removed, on a daemon in memory.

mod keep;
mod kept;
mod place;
mod restore;
mod take;
mod watch;

use cci_core::Result;
use cci_core::checkpoint::{CheckpointId, Root};
use serde_json::{Value, json};

use super::root;
use crate::context::Context;
use crate::roll_back::on_failure;
use crate::testing::World;

const NAME: &str = "cci-a-1";
const COPY: &str = "/1.0/instances/cci-cp-0101010101?project=cci-checkpoints";

fn id() -> CheckpointId {
    CheckpointId::from_random(0x0101_0101_0100_0000)
}

/// A world with a container that has a bit of everything.
fn world() -> World {
    let world = World::new();
    let nic = json!({"type": "nic", "network": "incusbr0", "ipv4.address": "10.77.0.9"});
    let disk = json!({"type": "disk", "source": "/real/proj", "path": "/workspace"});
    let container = world.container(NAME).device("eth0", nic).device("workspace", disk);
    let container = container.config("limits.cpu", "1").config("raw.lxc", "lxc.hook.stop = x\n");
    let container = container.config("image.cci.resolv", "file").config("user.cci.image", "cci");
    container.config("security.idmap.isolated", "true").config("volatile.uuid", "u").put();
    world
}

/// Keeps the root file system of a container, without the end of the call that does it.
pub(crate) async fn keep(cx: &Context, container: &str) -> Result<Root> {
    let subject = root::subject(cx, container).await?;
    root::kept(root::copied(root::prepared(cx, &subject, &id()).await?).await?).await
}

/// The same as a whole call.
async fn kept(cx: &Context, container: &str) -> Result<Root> {
    on_failure(cx, keep(cx, container)).await
}

/// Names of keys and of devices.
fn names(of: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = of.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names
}

/// How many commands have left a journal.
fn journals(world: &World) -> usize {
    std::fs::read_dir(world.unfinished()).map_or(0, Iterator::count)
}
