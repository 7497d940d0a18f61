//! What is told of containers on the same directory that another name of it has.

use std::os::unix::fs::symlink;

use cci_core::Error;
use cci_core::slot::Slot;
use cci_core::workspace::Workspace;
use serde_json::json;

use crate::session::attach::in_slot;
use crate::session::running::running;
use crate::testing::World;

#[tokio::test]
async fn a_slot_without_a_container_names_those_of_the_directorys_other_name() {
    let world = World::new();
    let workspace = json!({"type": "disk", "source": world.proj().canonicalize().unwrap(), "path": "/workspace"});
    world.container("cci-0badcafe-1").device("workspace", workspace).put();
    let link = world.proj().with_file_name("code");
    symlink("proj", &link).unwrap();
    let mut cx = world.cx();
    cx.workspace = Workspace::at(link);
    let gone = running(&cx, &in_slot(&cx, Slot::new(1).unwrap())).await;
    assert!(matches!(gone, Err(Error::ContainerNotFound { .. })));
    assert!(world.was_reported("AlsoNamed") && world.was_reported("cci-0badcafe-1"), "{:?}", world.reported());
}

#[tokio::test]
async fn a_slot_of_the_only_name_names_no_other() {
    let world = World::new();
    let workspace = json!({"type": "disk", "source": world.proj().canonicalize().unwrap(), "path": "/workspace"});
    world.container(&world.slot(1)).device("workspace", workspace).put();
    let cx = world.cx();
    let gone = running(&cx, &in_slot(&cx, Slot::new(2).unwrap())).await;
    assert!(matches!(gone, Err(Error::ContainerNotFound { .. })));
    assert!(!world.was_reported("AlsoNamed"), "{:?}", world.reported());
}
