//! `kill`, `shutdown` and `persist`.

use std::time::Duration;

use cci_core::Error;

use crate::instance::persist::persist;
use crate::instance::shutdown::{end_all, everything, verdict};
use crate::instance::stop::Stop;
use crate::testing::{ANOTHER, World};

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn of_several_that_end_the_failure_of_one_is_told_and_the_others_go() {
    let world = World::new();
    world.container("cci-a-1").put();
    world.container("cci-a-2").of(ANOTHER).put();
    world.container("cci-a-3").persistent().stopped().put();
    let gone = end_all(&world.cx(), &names(&["cci-a-1", "cci-a-2", "cci-a-3"]), Stop::Now).await.unwrap();
    assert_eq!(gone, 2);
    assert!(world.was_reported("container cci-a-2 belongs to user 1001"), "{:?}", world.reported());
    assert!(world.instance("cci-a-1").is_none() && world.instance("cci-a-3").is_none());
    assert!(world.runs("cci-a-2"), "another user's runs on");
}

#[test]
fn an_end_says_how_many_are_not_gone() {
    assert!(verdict(2, 2).is_ok());
    assert!(matches!(verdict(3, 1), Err(Error::Partly { failed: 2, asked: 3 })));
}

#[tokio::test]
async fn a_shutdown_asks_first_and_deletes_a_persistent_container() {
    let world = World::new();
    world.container("cci-a-1").persistent().put();
    let gone = end_all(&world.cx(), &names(&["cci-a-1"]), Stop::Within(Duration::from_secs(1))).await.unwrap();
    assert_eq!(gone, 1);
    assert!(world.instance("cci-a-1").is_none());
    assert_eq!(world.daemon.count("PUT /1.0/instances/*/state"), 1, "it shut down when it was asked");
}

#[tokio::test]
async fn an_incus_that_cannot_be_reached_ends_it_all() {
    let world = World::new();
    let mut cx = world.cx();
    cx.client = cci_incus::Client::unix(world.home().join("no-socket"));
    let error = end_all(&cx, &names(&["cci-a-1"]), Stop::Now).await.unwrap_err();
    assert!(matches!(error, Error::IncusUnreachable { .. }));
}

#[tokio::test]
async fn everything_is_what_the_caller_has() {
    let world = World::new();
    world.container("cci-a-1").put();
    world.container("cci-b-1").of(ANOTHER).put();
    assert_eq!(everything(&world.cx()).await.unwrap(), ["cci-a-1"]);
}

#[tokio::test]
async fn a_persisted_container_outlives_its_stop_and_says_so() {
    let world = World::new();
    world.container("cci-a-1").put();
    persist(&world.cx(), "cci-a-1").await.unwrap();
    let kept = world.instance("cci-a-1").unwrap();
    assert_eq!((&kept["ephemeral"], &kept["config"]["user.cci.persistent"]), (&false.into(), &"true".into()));
}

#[tokio::test]
async fn what_is_not_ccis_is_not_persisted() {
    let world = World::new();
    world.container("cci-a-1").unmarked().put();
    assert!(matches!(persist(&world.cx(), "cci-a-1").await, Err(Error::ContainerNotFound { .. })));
    assert_eq!(world.daemon.count("PATCH /1.0/instances/*"), 0);
}
