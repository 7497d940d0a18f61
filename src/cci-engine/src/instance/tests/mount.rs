//! What `container mount` refuses, and what it adds.

use std::path::Path;

use cci_core::Error;
use serde_json::json;

use crate::instance::mount::{Mounting, mount};
use crate::testing::{ANOTHER, World};

const NAME: &str = "cci-a-1";

fn data<'a>(source: &'a Path, path: &'a str) -> Mounting<'a> {
    Mounting { device: "data", source, path, shift: false, readonly: false }
}

/// A directory that may be mounted.
fn source(world: &World) -> std::path::PathBuf {
    let source = world.home().join("data");
    std::fs::create_dir_all(&source).unwrap();
    source
}

#[tokio::test]
async fn a_directory_is_added_to_a_stopped_container_by_its_own_place() {
    let world = World::new();
    world.container(NAME).persistent().stopped().put();
    let source = source(&world);
    mount(&world.cx(), NAME, &data(&source, "/data")).await.unwrap();
    let device = &world.instance(NAME).unwrap()["devices"]["data"];
    assert_eq!((&device["source"], &device["path"]), (&json!(source), &json!("/data")));
}

#[tokio::test]
async fn an_existing_device_stays_as_it_is() {
    let world = World::new();
    let there = json!({"type": "disk", "source": "/srv", "path": "/srv"});
    world.container(NAME).persistent().stopped().device("data", there.clone()).put();
    let error = mount(&world.cx(), NAME, &data(&source(&world), "/data")).await.unwrap_err();
    assert!(error.to_string().contains("device data already exists"), "{error}");
    assert_eq!(world.instance(NAME).unwrap()["devices"]["data"], there);
}

#[tokio::test]
async fn a_device_of_the_profile_is_there_too() {
    let world = World::new();
    world.container(NAME).persistent().stopped().put();
    let source = source(&world);
    let mounting = Mounting { device: "eth0", ..data(&source, "/data") };
    let error = mount(&world.cx(), NAME, &mounting).await.unwrap_err();
    assert!(error.to_string().contains("device eth0 already exists"), "{error}");
}

#[tokio::test]
async fn places_that_hide_something_are_refused() {
    let world = World::new();
    let there = json!({"type": "disk", "source": "/srv", "path": "/srv"});
    world.container(NAME).persistent().stopped().device("srv", there).put();
    let source = source(&world);
    for path in ["/", "relative", "/srv", "/srv/deeper", "/workspace", "/../etc"] {
        let refused = mount(&world.cx(), NAME, &data(&source, path)).await;
        assert!(matches!(refused, Err(Error::Usage { .. })), "{path}: {refused:?}");
    }
    assert_eq!(world.daemon.count("PATCH /1.0/instances/*"), 0);
}

#[tokio::test]
async fn a_container_without_a_workspace_gets_one() {
    let world = World::new();
    world.container(NAME).workspace(None).persistent().stopped().put();
    let source = source(&world);
    mount(&world.cx(), NAME, &data(&source, "/workspace")).await.unwrap();
    assert_eq!(world.instance(NAME).unwrap()["devices"]["data"]["path"], json!("/workspace"));
    let again = Mounting { device: "again", ..data(&source, "/workspace") };
    let refused = mount(&world.cx(), NAME, &again).await;
    assert!(matches!(refused, Err(Error::Usage { .. })), "{refused:?}");
    let below = Mounting { device: "below", ..data(&source, "/workspace/below") };
    assert!(mount(&world.cx(), NAME, &below).await.is_err());
}

#[tokio::test]
async fn sources_that_containers_never_see_are_refused() {
    let world = World::new();
    world.container(NAME).persistent().stopped().put();
    std::fs::create_dir_all(world.home().join(".cci")).unwrap();
    std::os::unix::fs::symlink(world.home().join(".cci"), world.home().join("link")).unwrap();
    for place in [".cci", "link", "", "missing"] {
        let source = world.home().join(place);
        let refused = mount(&world.cx(), NAME, &data(&source, "/data")).await;
        assert!(refused.is_err(), "{place}: {refused:?}");
    }
    assert_eq!(world.daemon.count("PATCH /1.0/instances/*"), 0);
}

#[tokio::test]
async fn a_virtual_machine_gets_no_mount() {
    let world = World::new();
    let mut machine = world.container(NAME).object();
    machine["type"] = json!("virtual-machine");
    world.daemon.put("/1.0/instances/cci-a-1", machine);
    let error = mount(&world.cx(), NAME, &data(&source(&world), "/data")).await.unwrap_err();
    assert!(error.to_string().contains("virtual machine"), "{error}");
}

#[tokio::test]
async fn another_users_container_gets_no_mount() {
    let world = World::new();
    world.container(NAME).of(ANOTHER).put();
    let refused = mount(&world.cx(), NAME, &data(&source(&world), "/data")).await;
    assert!(matches!(refused, Err(Error::NotOwner { .. })));
}

#[tokio::test]
async fn a_container_that_changed_meanwhile_is_not_changed_back() {
    let world = World::new();
    world.container(NAME).persistent().stopped().put();
    let changed = world.container(NAME).persistent().stopped().launch("newer");
    world.daemon.on("PATCH /1.0/instances/*").meanwhile(&changed.path(), Some(changed.object()));
    mount(&world.cx(), NAME, &data(&source(&world), "/data")).await.unwrap_err();
    assert!(world.instance(NAME).unwrap()["devices"].get("data").is_none());
}
