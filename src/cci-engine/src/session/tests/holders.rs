//! A conversation that a container of another project has.

use cci_core::Error;

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
