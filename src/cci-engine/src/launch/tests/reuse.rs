//! How a kept container is started again.

use cci_core::Error;
use cci_core::lifetime::Lifetime;
use cci_core::slot::SlotChoice;

use super::{CREATE, STATE, exactly, launched, world};
use crate::testing::World;

const KEPT: &str = "defaults.persistent = true\n";

fn kept(world: &World) {
    world.container(&world.slot(2)).persistent().stopped().config("user.cci.image", "cci").put();
}

fn mark(world: &World) -> String {
    world.instance(&world.slot(2)).unwrap()["config"]["user.cci.launch"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_kept_container_is_started_again_with_this_launchs_label() {
    let world = world(KEPT);
    kept(&world);
    let launched = launched(&world.cx(), SlotChoice::Auto).await.unwrap();
    assert_eq!((launched.slot.number(), launched.reused), (2, true));
    assert!(world.runs(&world.slot(2)));
    assert_eq!(mark(&world), launched.plan.launch());
    assert_eq!(world.daemon.count(CREATE), 0);
    assert!(world.was_reported("ReusingContainer"));
}

#[tokio::test]
async fn a_kept_container_needs_no_image() {
    let world = world(&format!("{KEPT}defaults.image = \"missing\"\n"));
    kept(&world);
    launched(&world.cx(), SlotChoice::Auto).await.unwrap();
    assert!(world.was_reported(r#"image: "cci", asked: "missing""#), "{:?}", world.reported());
}

#[tokio::test]
async fn a_kept_container_stays_kept_though_an_ephemeral_one_was_asked_for() {
    let world = world("");
    kept(&world);
    let launched = launched(&world.cx(), exactly(2)).await.unwrap();
    assert_eq!((launched.reused, launched.lifetime), (true, Lifetime::Persistent));
    let kept = world.instance(&world.slot(2)).unwrap();
    assert_eq!((&kept["ephemeral"], &kept["config"]["user.cci.persistent"]), (&false.into(), &"true".into()));
}

#[tokio::test]
async fn what_changes_in_a_kept_container_is_told() {
    let world = world(&format!("{KEPT}limits.processes = \"300\"\n"));
    kept(&world);
    let launched = launched(&world.cx(), SlotChoice::Auto).await.unwrap();
    assert!(launched.changed.iter().any(|key| key == "limits.processes"), "{:?}", launched.changed);
    assert!(world.was_reported("ConfigurationApplied"));
    assert_eq!(world.instance(&world.slot(2)).unwrap()["config"]["limits.processes"], "300");
}

#[tokio::test]
async fn a_kept_container_that_another_launch_takes_first_is_left_to_it() {
    let world = world(KEPT);
    kept(&world);
    let quicker = world.container(&world.slot(2)).persistent().launch("quicker");
    world.daemon.on("PUT /1.0/instances/*").meanwhile(&quicker.path(), Some(quicker.object()));
    let launched = launched(&world.cx(), SlotChoice::Auto).await.unwrap();
    assert_eq!((launched.slot.number(), launched.reused), (1, false));
    assert_eq!(mark(&world), "quicker");
}

#[tokio::test]
async fn a_kept_container_that_incus_still_changes_is_taken_nevertheless() {
    let world = world(KEPT);
    kept(&world);
    let noted = world.container(&world.slot(2)).persistent().stopped().config("volatile.last_state.power", "STOPPED");
    world.daemon.on("PUT /1.0/instances/*").meanwhile(&noted.path(), Some(noted.object()));
    let launched = launched(&world.cx(), SlotChoice::Auto).await.unwrap();
    assert!(launched.reused);
    assert_eq!(world.daemon.count("PUT /1.0/instances/*"), 2);
}

#[tokio::test]
async fn a_kept_container_that_is_removed_meanwhile_is_created_again() {
    let world = world(KEPT);
    kept(&world);
    let gone = world.container(&world.slot(2));
    world.daemon.on("PUT /1.0/instances/*").meanwhile(&gone.path(), None);
    let launched = launched(&world.cx(), exactly(2)).await.unwrap();
    assert!(!launched.reused);
    assert!(world.runs(&launched.name));
}

#[tokio::test]
async fn a_kept_container_whose_start_fails_stays_and_the_reason_is_told() {
    let world = world(KEPT);
    kept(&world);
    world.daemon.on(STATE).fail(400, "Failed to run: incusd forkstart c1: exit status 1");
    world.daemon.set_log(&world.slot(2), "lxc.log", "lxc c1 2026 ERROR    conf - a.c:1 - No such cgroup\n");
    let error = launched(&world.cx(), SlotChoice::Auto).await.unwrap_err();
    assert!(matches!(&error, Error::IncusRefused { message, .. } if message.contains("(No such cgroup)")), "{error:?}");
    assert!(world.instance(&world.slot(2)).is_some());
}
