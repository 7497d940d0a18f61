//! The removal of an instance by its launch, and of a snapshot.

use cci_incus::OperationKind;
use serde_json::json;

use crate::instance::remove::{remove_any, remove_launched};
use crate::instance::snapshot::remove_snapshot;
use crate::instance::stop::stop_launched;
use crate::testing::World;

const NAME: &str = "cci-a-1";

#[tokio::test]
async fn the_instance_of_a_launch_is_removed_whether_it_runs_or_not() {
    let world = World::new();
    for container in [
        world.container(NAME),
        world.container(NAME).persistent(),
        world.container(NAME).persistent().stopped(),
        world.container(NAME).frozen(),
    ] {
        container.launch("mine").put();
        assert!(remove_launched(&world.daemon.client(), NAME, "mine").await.unwrap());
        assert!(world.instance(NAME).is_none());
    }
    assert!(!remove_launched(&world.daemon.client(), NAME, "mine").await.unwrap(), "nothing is there any more");
}

#[tokio::test]
async fn the_instance_of_another_launch_is_left_alone() {
    let world = World::new();
    world.container(NAME).launch("anothers").put();
    assert!(!remove_launched(&world.daemon.client(), NAME, "mine").await.unwrap());
    assert!(world.runs(NAME));
    assert!(remove_any(&world.daemon.client(), NAME).await.unwrap(), "unless any is meant");
}

#[tokio::test]
async fn a_create_that_is_still_under_way_is_waited_for_before_the_removal() {
    let world = World::new();
    let coming = world.container(NAME).launch("mine");
    world.daemon.begin(OperationKind::Creating, NAME);
    world.daemon.on("GET /1.0/operations/*/wait").meanwhile(&coming.path(), Some(coming.object()));
    assert!(remove_launched(&world.daemon.client(), NAME, "mine").await.unwrap());
    assert!(world.instance(NAME).is_none());
}

#[tokio::test]
async fn a_command_that_runs_inside_is_not_waited_for() {
    let world = World::new();
    let client = world.daemon.client();
    let waits = || world.daemon.count("GET /1.0/operations/*/wait");
    world.container(NAME).persistent().launch("mine").put();
    world.daemon.put("/1.0/instances/cci-a-1/snapshots/s", json!({"name": "s"}));
    world.daemon.begin(OperationKind::Executing, NAME);
    assert!(remove_snapshot(&client, NAME, "s").await.unwrap());
    assert_eq!(waits(), 1, "the delete of the snapshot alone");
    assert!(stop_launched(&client, NAME, "mine").await.unwrap());
    assert_eq!(waits(), 2, "the stop alone");
    assert!(remove_launched(&client, NAME, "mine").await.unwrap());
    assert_eq!(waits(), 3, "the delete of the container alone");
}

#[tokio::test]
async fn an_instance_that_changes_between_two_steps_is_looked_at_again() {
    let world = World::new();
    let container = world.container(NAME).persistent().launch("mine");
    let stopped = world.container(NAME).persistent().launch("mine").stopped().object();
    let path = container.path();
    container.put();
    world.daemon.on("PUT /1.0/instances/*/state").refuse(409, "It is being stopped");
    world.daemon.on("GET /1.0/instances/*").nth(2).meanwhile(&path, Some(stopped));
    assert!(remove_launched(&world.daemon.client(), NAME, "mine").await.unwrap());
    assert!(world.instance(NAME).is_none());
}

#[tokio::test]
async fn a_removal_that_incus_refuses_is_a_failure() {
    let world = World::new();
    world.container(NAME).persistent().stopped().launch("mine").put();
    world.daemon.on("DELETE /1.0/instances/*").refuse(400, "The pool is gone");
    let error = remove_launched(&world.daemon.client(), NAME, "mine").await.unwrap_err();
    assert!(error.to_string().contains("The pool is gone"), "{error}");
}

#[tokio::test]
async fn a_launch_stops_only_what_it_has_started() {
    let world = World::new();
    world.container(NAME).persistent().launch("anothers").put();
    assert!(!stop_launched(&world.daemon.client(), NAME, "mine").await.unwrap());
    assert!(world.runs(NAME));
    assert!(stop_launched(&world.daemon.client(), NAME, "anothers").await.unwrap());
    assert!(world.instance(NAME).is_some_and(|kept| kept["status_code"] == 102), "it is kept");
    assert!(!stop_launched(&world.daemon.client(), NAME, "anothers").await.unwrap(), "it is stopped already");
    assert!(!stop_launched(&world.daemon.client(), "cci-a-2", "mine").await.unwrap(), "it is gone");
}

#[tokio::test]
async fn a_snapshot_is_removed_once() {
    let world = World::new();
    world.container(NAME).put();
    world.daemon.put("/1.0/instances/cci-a-1/snapshots/s", json!({"name": "s"}));
    assert!(remove_snapshot(&world.daemon.client(), NAME, "s").await.unwrap());
    assert!(!remove_snapshot(&world.daemon.client(), NAME, "s").await.unwrap());
}

#[tokio::test]
async fn a_delete_that_meets_the_end_of_another_one_is_looked_at_again() {
    let world = World::new();
    world.container(NAME).persistent().launch("mine").stopped().put();
    let ended = "Failed to create instance delete operation: A matching non-reusable operation has now succeeded";
    world.daemon.on("DELETE /1.0/instances/*").refuse(500, ended);
    assert!(remove_launched(&world.daemon.client(), NAME, "mine").await.unwrap());
    assert!(world.instance(NAME).is_none());
}
