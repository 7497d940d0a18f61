//! A conversation that a container of another project has.

use cci_core::Error;
use serde_json::json;

use super::id;
use crate::session::holders::refuse_elsewhere;
use crate::testing::World;

#[tokio::test]
async fn a_conversation_that_runs_in_another_project_is_refused_and_the_way_there_told() {
    let world = World::new();
    world.container("cci-a-1").session(id(1)).project("other").put();
    let error = refuse_elsewhere(&world.cx(), id(1)).await.unwrap_err();
    assert!(
        matches!(&error, Error::Usage { problem, hint: Some(hint) }
        if problem.contains("container cci-a-1 of project other") && hint.contains("INCUS_PROJECT=other")),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_conversation_whose_container_elsewhere_is_stopped_can_continue_here() {
    let world = World::new();
    world.container("cci-a-1").session(id(1)).persistent().stopped().project("other").put();
    refuse_elsewhere(&world.cx(), id(1)).await.unwrap();
}

#[tokio::test]
async fn a_conversation_that_runs_here_or_another_one_there_is_no_reason() {
    let world = World::new();
    world.container("cci-a-1").session(id(1)).put();
    world.container("cci-a-1").session(id(2)).project("other").put();
    refuse_elsewhere(&world.cx(), id(1)).await.unwrap();
}

#[tokio::test]
async fn the_copies_of_checkpoints_are_not_listed_however_many_there_are() {
    let world = World::new();
    let managed = json!({"name": "cci-checkpoints", "config": {"user.cci.managed": "true"}});
    world.daemon.put("/1.0/projects/cci-checkpoints", managed);
    world.container("cci-a-1").session(id(1)).project("other").put();
    refuse_elsewhere(&world.cx(), id(1)).await.unwrap_err();
    // one of the project of this call, and one of the other
    assert_eq!(world.daemon.count("GET /1.0/instances"), 2, "{:?}", world.daemon.requests());
}
