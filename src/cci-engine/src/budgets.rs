//! How many requests each use-case makes: one more fails the test, and one fewer asks for a lower number.
//!
//! The live test of the same name counts the requests of the verbs on a real Incus.

use std::time::Duration;

use cci_core::slot::SlotChoice;
use serde_json::json;

use crate::checkpoint::{roots, tests::keep};
use crate::context::Context;
use crate::image::{self, Selection};
use crate::instance::ownership::Whose;
use crate::instance::stop::Stop;
use crate::instance::{container, list, persist, shutdown};
use crate::launch::{self, tests::launched};
use crate::network;
use crate::roll_back::abandoned;
use crate::testing::World;
use crate::upkeep::clean;

/// The budgets that were exceeded.
struct Budgets(Vec<String>);

impl Budgets {
    /// Does the work in a separate world, prepared like this, and counts.
    async fn count(
        &mut self,
        what: &str,
        budget: usize,
        prepared: impl FnOnce(&World),
        work: impl AsyncFnOnce(&Context, &str),
    ) {
        let world = World::configured("network.mode = \"open\"\n");
        world.put_image("ab12", &["cci"], &[("cci.resolv", "file")]);
        prepared(&world);
        let name = world.slot(1);
        work(&world.cx(), &name).await;
        let requests = world.requests();
        if requests.len() != budget {
            self.0.push(format!("{what}: {} instead of {budget}\n  {}", requests.len(), requests.join("\n  ")));
        }
    }

    fn check(self) {
        assert!(self.0.is_empty(), "{}", self.0.join("\n"));
    }
}

fn nothing(_: &World) {}

fn running(world: &World) {
    let nic = json!({"type": "nic", "network": "incusbr0", "ipv4.address": "10.77.0.9"});
    world.container(&world.slot(1)).device("eth0", nic).put();
}

fn kept(world: &World) {
    world.container(&world.slot(1)).persistent().put();
}

fn stopped(world: &World) {
    world.container(&world.slot(1)).persistent().stopped().config("user.cci.image", "cci").put();
}

fn leftover(world: &World) {
    world.container(&world.slot(1)).stopped().put();
}

#[tokio::test]
async fn a_launch_makes_no_more_requests_than_it_had() {
    let mut budgets = Budgets(Vec::new());
    let auto = SlotChoice::Auto;
    let slot = SlotChoice::Exactly(cci_core::slot::Slot::FIRST);
    budgets.count("a launch", 9, nothing, async |cx, _| drop(launched(cx, auto).await.unwrap())).await;
    budgets
        .count("a launch into what a crash left", 18, leftover, async |cx, _| drop(launched(cx, auto).await.unwrap()))
        .await;
    budgets
        .count("a launch into a kept container", 13, stopped, async |cx, _| drop(launched(cx, slot).await.unwrap()))
        .await;
    budgets
        .count("a plain launch", 10, nothing, async |cx, _| launch::standalone(cx, "cci", "box", true).await.unwrap())
        .await;
    budgets.check();
}

#[tokio::test]
async fn a_verb_on_a_container_makes_no_more_requests_than_it_had() {
    let mut budgets = Budgets(Vec::new());
    let within = Stop::Within(Duration::from_secs(1));
    let end = async |cx: &Context, name: &str, how| {
        assert_eq!(shutdown::end_all(cx, &[name.to_owned()], how).await.unwrap(), 1);
    };
    budgets.count("kill", 4, running, async |cx, name| end(cx, name, Stop::Now).await).await;
    budgets.count("kill, a kept container", 5, kept, async |cx, name| end(cx, name, Stop::Now).await).await;
    budgets.count("kill, a stopped container", 3, stopped, async |cx, name| end(cx, name, Stop::Now).await).await;
    budgets.count("shutdown", 4, running, async |cx, name| end(cx, name, within).await).await;
    budgets.count("persist", 2, running, async |cx, name| persist::persist(cx, name).await.unwrap()).await;
    budgets.count("start", 3, stopped, async |cx, name| container::start(cx, name).await.unwrap()).await;
    budgets.count("start, a running one", 1, running, async |cx, name| container::start(cx, name).await.unwrap()).await;
    budgets.count("stop", 3, kept, async |cx, name| container::stop(cx, name, None).await.unwrap()).await;
    budgets
        .count("stop, a stopped one", 1, stopped, async |cx, name| container::stop(cx, name, None).await.unwrap())
        .await;
    budgets.count("delete", 3, stopped, async |cx, name| container::delete(cx, name, false).await.unwrap()).await;
    budgets
        .count("delete, a running one", 6, kept, async |cx, name| container::delete(cx, name, true).await.unwrap())
        .await;
    budgets.count("exists", 2, running, async |cx, name| assert!(container::exists(cx, name).await.unwrap())).await;
    budgets
        .count("exists, a kept one", 1, kept, async |cx, name| assert!(container::exists(cx, name).await.unwrap()))
        .await;
    budgets.check();
}

#[tokio::test]
async fn a_checkpoint_of_a_container_makes_no_more_requests_than_it_had() {
    let mut budgets = Budgets(Vec::new());
    let place = |world: &World| {
        let config = json!({"user.cci.managed": "true"});
        world.daemon.put("/1.0/projects/cci-checkpoints", json!({"name": "cci-checkpoints", "config": config}));
    };
    let first = async |cx: &Context, name: &str| drop(keep(cx, name).await.unwrap());
    budgets.count("the first root that is kept", 8, running, first).await;
    let both = |world: &World| (place(world), running(world)).1;
    budgets.count("a root that is kept", 7, both, async |cx, name| drop(keep(cx, name).await.unwrap())).await;
    budgets
        .count("a root that is kept and removed", 13, both, async |cx, name| {
            assert!(roots::remove(cx, &keep(cx, name).await.unwrap()).await.unwrap());
        })
        .await;
    budgets.count("all roots", 1, both, async |cx, _| drop(roots::all(cx).await.unwrap())).await;
    budgets.check();
}

#[tokio::test]
async fn a_look_makes_no_more_requests_than_it_had() {
    let mut budgets = Budgets(Vec::new());
    let all =
        clean::Wanted { containers: true, sessions: true, persistent: true, checkpoints: false, older_than: None };
    let list = async |cx: &Context| drop(list::list(cx, Whose::Own).await.unwrap());
    budgets.count("list, no container", 2, nothing, async |cx, _| list(cx).await).await;
    budgets.count("list, one container", 2, running, async |cx, _| list(cx).await).await;
    budgets.count("list, one without a fixed address", 3, kept, async |cx, _| list(cx).await).await;
    budgets.count("live sessions", 2, running, async |cx, _| drop(list::live(cx).await.unwrap())).await;
    budgets.count("network show", 2, running, async |cx, name| drop(network::show(cx, name).await.unwrap())).await;
    budgets.count("image list", 1, nothing, async |cx, _| drop(image::list(cx, &Selection::Ours).await.unwrap())).await;
    budgets.count("image exists", 2, nothing, async |cx, _| assert!(image::exists(cx, "cci").await.unwrap())).await;
    budgets
        .count("image exists, none", 1, nothing, async |cx, _| assert!(!image::exists(cx, "none").await.unwrap()))
        .await;
    budgets.count("image delete", 5, nothing, async |cx, _| drop(image::delete(cx, "cci").await.unwrap())).await;
    budgets.count("clean, a look", 8, stopped, async |cx, _| drop(clean::find(cx, all).await.unwrap())).await;
    budgets
        .count("clean", 14, stopped, async |cx, _| {
            let leftovers = clean::find(cx, all).await.unwrap();
            assert_eq!(clean::remove(cx, &leftovers).await.unwrap(), 1);
        })
        .await;
    budgets.count("what nobody was killed in", 0, nothing, async |cx, _| abandoned(cx).await).await;
    budgets.check();
}
