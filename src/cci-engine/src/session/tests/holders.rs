//! A conversation that another container has.

use cci_core::Error;
use cci_incus::OperationKind;
use serde_json::json;

use super::id;
use crate::session::holders::{earlier, refuse_elsewhere};
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

#[tokio::test]
async fn of_several_resumes_the_one_whose_container_was_created_first_continues() {
    let world = World::new();
    let first = async |ours| earlier(&world.cx(), id(1), ours).await.unwrap().map(|first| first.instance.name);
    world.container("cci-a-2").session(id(1)).put();
    world.container("cci-a-3").session(id(1)).put();
    assert_eq!(first("cci-a-2").await, None);
    assert_eq!(first("cci-a-3").await.as_deref(), Some("cci-a-2"));
    // one that nobody starts is not waited for
    world.container("cci-a-1").session(id(1)).persistent().stopped().put();
    assert_eq!(first("cci-a-2").await, None);
}

#[tokio::test]
async fn a_resume_whose_container_is_about_to_start_is_waited_for() {
    let world = World::new();
    let created = world.container("cci-a-1").session(id(1));
    let (path, object) = (created.path(), created.object());
    world.container("cci-a-1").session(id(1)).stopped().put();
    world.container("cci-a-2").session(id(1)).put();
    world.daemon.begin(OperationKind::Creating, "cci-a-1");
    world.daemon.on("GET /1.0/operations/*/wait").meanwhile(&path, Some(object));
    let first = earlier(&world.cx(), id(1), "cci-a-2").await.unwrap();
    assert_eq!(first.map(|first| first.instance.name).as_deref(), Some("cci-a-1"));
}
