//! What a launch does when the create is refused.

use std::time::Duration;

use cci_core::Error;
use cci_core::slot::SlotChoice;
use cci_incus::Refusal;

use super::super::standalone;
use super::{CREATE, launched, world};
use crate::testing::World;

const POLICY: &str = "[network]\nmode = \"allowlist\"\nallowed_domains = [\"203.0.113.77\"]\n";
const TAKEN: &str =
    r#"Failed start validation for device "eth0": IP address "10.77.0.9" already defined on another NIC"#;
const FORKSTART: &str = "Failed to run: incusd forkstart c1: exit status 1";

fn address(world: &World) -> String {
    let devices = &world.instance(&world.slot(1)).unwrap()["devices"];
    devices["eth0"]["ipv4.address"].as_str().unwrap().to_owned()
}

/// The address that a launch gets if it is alone.
async fn first_choice(world: &World) -> String {
    let cx = world.cx();
    launched(&cx, SlotChoice::Auto).await.unwrap();
    cx.scope.ledger.keep();
    let first = address(world);
    world.daemon.remove(&format!("/1.0/instances/{}", world.slot(1)));
    first
}

#[tokio::test]
async fn the_one_request_creates_labels_and_starts() {
    let world = world("");
    launched(&world.cx(), SlotChoice::Auto).await.unwrap();
    let made = world.instance(&world.slot(1)).unwrap();
    assert_eq!((&made["ephemeral"], &made["start"]), (&true.into(), &true.into()));
    assert_eq!(made["source"]["fingerprint"], super::IMAGE, "an alias that moves changes nothing");
    let mark = |key: &str| made["config"][format!("user.cci.{key}")].clone();
    assert_eq!((mark("owner-uid"), mark("image"), mark("slot")), ("1000".into(), "cci".into(), "1".into()));
    assert_eq!(world.daemon.count("PUT /1.0/instances/*/state"), 0);
}

#[tokio::test]
async fn a_container_whose_address_was_taken_gets_another() {
    let world = world("");
    let first = first_choice(&world).await;
    world.daemon.on(CREATE).fail(409, TAKEN);
    launched(&world.cx(), SlotChoice::Auto).await.unwrap();
    assert_ne!(address(&world), first);
    assert!(world.runs(&world.slot(1)));
}

#[tokio::test]
async fn the_address_of_another_container_is_not_tried() {
    let world = world("");
    let first = first_choice(&world).await;
    let nic = serde_json::json!({"type": "nic", "network": "incusbr0", "ipv4.address": first});
    world.container("other").unmarked().device("eth0", nic).put();
    world.daemon.forget_requests();
    launched(&world.cx(), SlotChoice::Auto).await.unwrap();
    assert_eq!(world.daemon.count(CREATE), 1);
    assert_ne!(address(&world), first);
}

#[tokio::test]
async fn a_network_that_is_removed_under_a_launch_is_made_again() {
    let world = world(POLICY);
    let cx = world.cx();
    let policy = cx.policy().unwrap().unwrap();
    let network = format!("/1.0/networks/{}", policy.name().bridge());
    world.daemon.on(CREATE).meanwhile(&network, None);
    launched(&cx, SlotChoice::Auto).await.unwrap();
    assert!(world.daemon.get(&network).is_some());
    assert!(world.runs(&world.slot(1)));
    assert_eq!(world.daemon.count(CREATE), 2);
}

#[tokio::test]
async fn a_create_that_incus_was_busy_with_is_done_again() {
    let world = world("");
    world.daemon.on(CREATE).fail(400, r#"Instance is busy running a "create" operation"#);
    launched(&world.cx(), SlotChoice::Auto).await.unwrap();
    assert!(world.runs(&world.slot(1)));
    assert_eq!(world.daemon.count(CREATE), 2);
}

#[tokio::test]
async fn an_incus_that_stays_busy_is_given_up() {
    let world = world("");
    for _ in 0..4 {
        world.daemon.on(CREATE).fail(400, r#"Instance is busy running a "create" operation"#);
    }
    let error = launched(&world.cx(), SlotChoice::Auto).await.unwrap_err();
    assert!(matches!(error, Error::IncusRefused { refusal: Refusal::Busy, .. }));
    assert_eq!(world.daemon.count(CREATE), 4);
}

#[tokio::test]
async fn a_start_that_the_policys_hook_refuses_is_the_hosts_fault() {
    let world = world("");
    world.daemon.on(CREATE).fail(400, FORKSTART);
    world.daemon.set_log(
        &world.slot(1),
        "lxc.log",
        "lxc c1 2026 ERROR    start - a.c:1 - Failed to run lxc.hook.start-host\n",
    );
    let error = launched(&world.cx(), SlotChoice::Auto).await.unwrap_err();
    assert!(matches!(&error, Error::HostUnfit { problem, .. } if problem.contains("nftables")), "{error:?}");
}

#[tokio::test]
async fn a_start_that_the_mounts_hook_refuses_names_a_replaced_directory() {
    let world = world("");
    world.daemon.on(CREATE).fail(400, FORKSTART);
    world.daemon.set_log(&world.slot(1), "lxc.log", "lxc c1 2026 ERROR    conf - a.c:1 - Failed to run mount hooks\n");
    let error = launched(&world.cx(), SlotChoice::Auto).await.unwrap_err();
    assert!(matches!(&error, Error::HostUnfit { problem, .. } if problem.contains("was replaced")), "{error:?}");
}

#[tokio::test]
async fn any_other_failed_start_is_told_with_lxcs_reason() {
    let world = world("");
    world.daemon.on(CREATE).fail(400, FORKSTART);
    world.daemon.set_log(&world.slot(1), "lxc.log", "lxc c1 2026 ERROR    conf - a.c:1 - No such cgroup\n");
    let error = launched(&world.cx(), SlotChoice::Auto).await.unwrap_err();
    assert!(error.to_string().contains("(No such cgroup)"), "{error}");
}

#[tokio::test]
async fn a_late_answer_is_waited_for() {
    let world = world("");
    world.daemon.on(CREATE).delay(Duration::from_millis(100));
    launched(&world.cx(), SlotChoice::Auto).await.unwrap();
    assert_eq!(world.daemon.count(CREATE), 1);
}

#[tokio::test]
async fn a_plain_container_has_its_own_name_and_no_workspace() {
    let world = world("");
    standalone(&world.cx(), "cci", "box", true).await.unwrap();
    assert!(world.runs("box"));
    let made = world.instance("box").unwrap();
    assert_eq!(made["config"]["user.cci.kind"], "plain");
    assert!(made["devices"].get("workspace").is_none());
}

#[tokio::test]
async fn a_plain_container_never_takes_a_name_that_is_there() {
    let world = world("");
    world.container("box").unmarked().put();
    let error = standalone(&world.cx(), "cci", "box", true).await.unwrap_err();
    assert!(matches!(error, Error::ContainerExists { name } if name == "box"));
    assert_eq!(world.daemon.count(CREATE), 0);
}

#[tokio::test]
async fn a_plain_container_loses_a_name_that_another_takes_at_this_moment() {
    let world = world("");
    let quicker = world.container("box").unmarked();
    world.daemon.on(CREATE).meanwhile(&quicker.path(), Some(quicker.object()));
    let error = standalone(&world.cx(), "cci", "box", true).await.unwrap_err();
    assert!(matches!(error, Error::ContainerExists { .. }));
    assert!(world.runs("box"), "the other's stays");
}

#[tokio::test]
async fn a_plain_container_of_a_missing_image_is_not_made() {
    let world = world("");
    let error = standalone(&world.cx(), "missing", "box", true).await.unwrap_err();
    assert!(matches!(error, Error::ImageNotFound { image } if image == "missing"));
    assert_eq!(world.daemon.count(CREATE), 0);
}
