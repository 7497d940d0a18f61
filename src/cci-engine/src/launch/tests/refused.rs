//! What is refused before anything is created.

use cci_core::Error;
use cci_core::slot::SlotChoice;
use serde_json::json;

use super::super::boot_failure;
use super::{CREATE, launched, world};
use crate::testing::World;

async fn refusal(world: &World) -> String {
    let error = launched(&world.cx(), SlotChoice::Auto).await.unwrap_err();
    assert_eq!(world.daemon.count(CREATE), 0);
    error.to_string()
}

fn pool(world: &World, driver: &str) {
    world.daemon.put("/1.0/storage-pools/default", json!({"name": "default", "driver": driver, "config": {}}));
}

#[tokio::test]
async fn a_limit_that_the_kernel_does_not_enforce_is_refused() {
    let world = world("limits.memory = \"1GiB\"\n");
    let warning = json!({"type": "Couldn't find the CGroup memory controller", "uuid": "1"});
    world.daemon.put("/1.0/warnings/1", warning);
    let refusal = refusal(&world).await;
    assert!(refusal.contains("limits.memory = 1GiB") && refusal.contains("controller memory"), "{refusal}");
}

#[tokio::test]
async fn a_limit_is_accepted_where_the_server_does_not_tell_of_the_host() {
    let world = world("limits.memory = \"1GiB\"\n");
    world.daemon.on("GET /1.0/warnings").refuse(403, "Forbidden");
    launched(&world.cx(), SlotChoice::Auto).await.unwrap();
}

#[tokio::test]
async fn a_launch_without_limits_asks_for_no_warnings() {
    let world = world("");
    launched(&world.cx(), SlotChoice::Auto).await.unwrap();
    assert_eq!(world.daemon.count("GET /1.0/warnings"), 0);
}

#[tokio::test]
async fn a_disk_limit_is_refused_on_a_pool_of_directories_and_held_on_others() {
    let world = world("limits.disk = \"1GiB\"\n");
    pool(&world, "dir");
    let refusal = refusal(&world).await;
    assert!(refusal.contains("storage pool default: driver dir cannot limit a directory"), "{refusal}");
    pool(&world, "zfs");
    launched(&world.cx(), SlotChoice::Auto).await.unwrap();
    assert_eq!(world.instance(&world.slot(1)).unwrap()["devices"]["root"]["size"], "1GiB");
}

#[tokio::test]
async fn a_missing_image_is_named() {
    let refusal = refusal(&world("defaults.image = \"missing\"\n")).await;
    assert!(refusal.contains("image 'missing' not found"), "{refusal}");
}

#[tokio::test]
async fn a_workspace_that_is_no_directory_is_refused() {
    let world = world("");
    std::fs::remove_dir(world.proj()).unwrap();
    assert!(refusal(&world).await.contains("it does not exist"));
    std::fs::write(world.proj(), "").unwrap();
    assert!(refusal(&world).await.contains("it is not a directory"));
}

#[tokio::test]
async fn the_home_itself_is_no_workspace() {
    let world = world("");
    let cx = crate::context::Context { workspace: cci_core::workspace::Workspace::at(world.home()), ..world.cx() };
    let error = launched(&cx, SlotChoice::Auto).await.unwrap_err();
    assert!(matches!(error, Error::Usage { .. }), "{error:?}");
    assert_eq!(world.daemon.count(CREATE), 0);
}

#[tokio::test]
async fn a_container_that_ended_while_it_booted_is_told_as_such() {
    let world = world("");
    let refused = || {
        Err::<(), _>(Error::IncusRefused { step: "s".into(), refusal: cci_incus::Refusal::Other, message: "m".into() })
    };
    let told = boot_failure::explained(&world.cx(), "cci-a-1", refused()).await.unwrap_err();
    assert!(
        matches!(&told, Error::HostUnfit { problem, .. } if problem.contains("stopped while it booted")),
        "{told:?}"
    );
    world.container("cci-a-1").put();
    let told = boot_failure::explained(&world.cx(), "cci-a-1", refused()).await.unwrap_err();
    assert!(matches!(told, Error::IncusRefused { .. }), "one that runs has failed in another way");
}
