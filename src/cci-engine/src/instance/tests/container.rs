//! Start, stop, delete and look: the verbs of `cci container`.

use std::time::Duration;

use cci_core::Error;
use cci_incus::{OperationKind, Refusal};

use crate::instance::container::{delete, exists, is_running, start, stop};
use crate::testing::{ANOTHER, World};

const NAME: &str = "cci-a-1";
const STATE: &str = "PUT /1.0/instances/*/state";

#[tokio::test]
async fn a_start_starts_what_is_stopped_resumes_what_is_frozen_and_leaves_what_runs() {
    let world = World::new();
    for (container, changes) in [
        (world.container(NAME).persistent().stopped(), 1),
        (world.container(NAME).frozen(), 1),
        (world.container(NAME), 0),
    ] {
        container.put();
        world.daemon.forget_requests();
        start(&world.cx(), NAME).await.unwrap();
        assert!(world.runs(NAME));
        assert_eq!(world.daemon.count(STATE), changes);
    }
}

#[tokio::test]
async fn a_start_that_fails_says_what_lxc_wrote() {
    let world = World::new();
    world.container(NAME).persistent().stopped().put();
    world.daemon.set_log(NAME, "lxc.log", "lxc c1 2026 ERROR    conf - conf.c:1 - No such cgroup\n");
    world.daemon.on(STATE).fail(400, "Failed to run: forkstart cci-a-1: exit status 1");
    let error = start(&world.cx(), NAME).await.unwrap_err();
    assert!(
        matches!(&error, Error::IncusRefused { refusal: Refusal::StartFailed, message, .. }
        if message.contains("(No such cgroup)")),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_start_that_meets_the_end_of_one_that_failed_is_made_again() {
    let busy = "Failed to create instance start operation: Instance is busy running a \"stop\" operation";
    for sentence in ["no such file or directory", "The instance is already running", busy] {
        let world = World::new();
        world.container(NAME).persistent().stopped().put();
        world.daemon.on(STATE).fail(400, sentence);
        start(&world.cx(), NAME).await.unwrap();
        assert!(world.runs(NAME));
        assert_eq!(world.daemon.count(STATE), 2, "{sentence}");
    }
}

#[tokio::test]
async fn a_start_that_fails_is_reported_once_incus_has_cleaned_up() {
    const LOOK: &str = "GET /1.0/instances/*";
    let world = World::new();
    let container = world.container(NAME).persistent().stopped();
    let (path, stopped) = (container.path(), container.object());
    container.put();
    world.daemon.on(STATE).fail(400, "Failed to run: forkstart cci-a-1: exit status 1");
    let running = world.container(NAME).persistent().object();
    // it is looked for, and then looked at: still stopped, being cleaned up, stopped
    world.daemon.on(LOOK).nth(3).meanwhile(&path, Some(running));
    world.daemon.on(LOOK).nth(4).meanwhile(&path, Some(stopped));
    start(&world.cx(), NAME).await.unwrap_err();
    assert_eq!(world.daemon.count(LOOK), 4);
}

#[tokio::test]
async fn a_stop_of_what_is_stopped_asks_for_nothing() {
    let world = World::new();
    world.container(NAME).persistent().stopped().put();
    stop(&world.cx(), NAME, None).await.unwrap();
    assert_eq!(world.daemon.count(STATE), 0);
}

#[tokio::test]
async fn a_stop_of_what_stops_by_itself_meanwhile_is_no_failure() {
    let world = World::new();
    let container = world.container(NAME).persistent();
    let (path, stopped) = (container.path(), world.container(NAME).persistent().stopped().object());
    container.put();
    world.daemon.on(STATE).meanwhile(&path, Some(stopped));
    stop(&world.cx(), NAME, None).await.unwrap();
    assert!(!world.runs(NAME));
}

#[tokio::test]
async fn a_stop_of_what_is_gone_meanwhile_is_no_failure() {
    let world = World::new();
    world.container(NAME).put();
    world.daemon.on(STATE).meanwhile("/1.0/instances/cci-a-1", None);
    stop(&world.cx(), NAME, None).await.unwrap();
}

#[tokio::test]
async fn a_stop_that_is_refused_is_a_failure_and_the_container_stays() {
    let world = World::new();
    world.container(NAME).put();
    world.daemon.on(STATE).fail(400, r#"Instance is busy running a "backup" operation"#);
    let error = stop(&world.cx(), NAME, None).await.unwrap_err();
    assert!(matches!(error, Error::IncusRefused { refusal: Refusal::Busy, .. }));
    assert!(world.runs(NAME));
}

#[tokio::test]
async fn a_container_that_does_not_shut_down_is_stopped_and_the_user_told() {
    let world = World::new();
    world.container(NAME).persistent().put();
    world.daemon.on(STATE).fail(400, "The instance did not shut down");
    stop(&world.cx(), NAME, Some(Duration::from_secs(7))).await.unwrap();
    assert!(!world.runs(NAME));
    assert!(world.was_reported("DidNotShutDown { container: \"cci-a-1\", within: 7s }"), "{:?}", world.reported());
    assert_eq!(world.daemon.count(STATE), 2);
}

#[tokio::test]
async fn a_running_container_is_deleted_only_by_force() {
    let world = World::new();
    world.container(NAME).persistent().put();
    let error = delete(&world.cx(), NAME, false).await.unwrap_err();
    assert!(matches!(error, Error::ContainerRunning { .. }));
    assert!(world.runs(NAME), "a refused delete stops nothing");
    delete(&world.cx(), NAME, true).await.unwrap();
    assert!(world.instance(NAME).is_none());
}

#[tokio::test]
async fn an_ephemeral_container_that_incus_deletes_by_itself_is_deleted() {
    let world = World::new();
    world.container(NAME).put();
    delete(&world.cx(), NAME, true).await.unwrap();
    assert!(world.instance(NAME).is_none());
}

#[tokio::test]
async fn a_delete_that_fails_although_the_container_went_is_no_failure() {
    let world = World::new();
    world.container(NAME).persistent().stopped().put();
    world.daemon.on("DELETE /1.0/instances/*").cut();
    delete(&world.cx(), NAME, false).await.unwrap();
    assert!(world.instance(NAME).is_none());
}

#[tokio::test]
async fn a_delete_that_is_refused_is_a_failure() {
    let world = World::new();
    world.container(NAME).persistent().stopped().put();
    world.daemon.on("DELETE /1.0/instances/*").refuse(400, "The pool is gone");
    let error = delete(&world.cx(), NAME, false).await.unwrap_err();
    assert!(error.to_string().contains("The pool is gone"), "{error}");
}

#[tokio::test]
async fn nothing_is_asked_of_another_users_container() {
    let world = World::new();
    world.container(NAME).of(ANOTHER).put();
    let cx = world.cx();
    for done in [start(&cx, NAME).await, stop(&cx, NAME, None).await, delete(&cx, NAME, true).await] {
        assert!(matches!(done, Err(Error::NotOwner { .. })));
    }
    assert_eq!(world.daemon.count("GET /1.0/instances/*"), world.requests().len(), "it was only looked at");
}

#[tokio::test]
async fn another_users_container_does_not_exist_for_the_caller() {
    let world = World::new();
    world.container(NAME).of(ANOTHER).put();
    assert!(!exists(&world.cx(), NAME).await.unwrap());
    assert!(!exists(&world.cx(), "cci-a-2").await.unwrap());
    assert!(exists(&world.cx_of(ANOTHER), NAME).await.unwrap());
}

#[tokio::test]
async fn an_ephemeral_container_whose_end_was_asked_for_does_not_exist() {
    let world = World::new();
    world.container(NAME).put();
    assert!(exists(&world.cx(), NAME).await.unwrap());
    world.daemon.begin(OperationKind::Stopping, NAME);
    assert!(!exists(&world.cx(), NAME).await.unwrap());
}

#[tokio::test]
async fn only_what_runs_is_running() {
    let world = World::new();
    for (container, runs) in [
        (world.container(NAME), true),
        (world.container(NAME).frozen(), false),
        (world.container(NAME).persistent().stopped(), false),
    ] {
        container.put();
        assert_eq!(is_running(&world.cx(), NAME).await.unwrap(), runs);
    }
}
