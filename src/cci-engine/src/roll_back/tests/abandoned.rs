//! What the next command does about one that was killed.

use cci_core::Error;

use super::super::{abandoned, on_failure};
use super::{NAME, instance, journals};
use crate::context::Context;
use crate::ledger::{Ledger, Made, Server};
use crate::scope::Scope;
use crate::testing::{ANOTHER, World};

/// A command that has created this and is killed.
fn killed(world: &World, made: &[Made]) {
    let cx = world.cx();
    for made in made {
        cx.scope.ledger.push(made.clone());
    }
}

#[tokio::test]
async fn what_a_killed_command_created_is_removed_and_told() {
    let world = World::new();
    world.container(NAME).launch("mine").put();
    killed(&world, &[instance("mine")]);
    abandoned(&world.cx()).await;
    assert!(world.instance(NAME).is_none());
    assert!(world.was_reported("RemovedAbandoned(Instance { name: \"cci-a-1\""), "{:?}", world.reported());
    assert_eq!(journals(&world), 0);
}

#[tokio::test]
async fn what_is_gone_by_itself_is_not_told() {
    let world = World::new();
    killed(&world, &[instance("mine")]);
    abandoned(&world.cx()).await;
    assert_eq!(world.reported(), Vec::<String>::new());
    assert_eq!(journals(&world), 0);
}

#[tokio::test]
async fn what_was_on_its_way_when_the_command_was_killed_is_removed() {
    let world = World::new();
    killed(&world, &[instance("mine")]);
    let asked = || world.daemon.count("GET /1.0/instances/*");
    let arrives = async {
        while asked() < 2 {
            tokio::task::yield_now().await;
        }
        world.container(NAME).launch("mine").put();
    };
    let cx = world.cx();
    tokio::join!(abandoned(&cx), arrives);
    assert!(world.instance(NAME).is_none());
    assert_eq!(journals(&world), 0);
}

#[tokio::test]
async fn what_another_launch_has_by_now_stays() {
    let world = World::new();
    world.container(NAME).launch("newer").put();
    killed(&world, &[instance("mine"), Made::Started { name: NAME.into(), launch: "mine".into() }]);
    abandoned(&world.cx()).await;
    assert!(world.runs(NAME));
}

#[tokio::test]
async fn nothing_in_another_users_container_is_touched() {
    let world = World::new();
    world.container(NAME).of(ANOTHER).launch("mine").put();
    let snapshot = "/1.0/instances/cci-a-1/snapshots/s";
    world.daemon.put(snapshot, serde_json::json!({"name": "s"}));
    killed(&world, &[instance("mine"), Made::Snapshot { container: NAME.into(), name: "s".into() }]);
    abandoned(&world.cx()).await;
    assert!(world.runs(NAME));
    assert!(world.daemon.get(snapshot).is_some());
}

#[tokio::test]
async fn what_is_in_another_project_is_left_to_a_command_there() {
    let world = World::new();
    world.container(NAME).launch("mine").put();
    killed(&world, &[instance("mine")]);
    let server = Server { endpoint: "/fake".into(), project: "other".into() };
    let elsewhere = Ledger::new(world.unfinished(), server);
    let cx = Context { scope: Scope::new(tokio_util::sync::CancellationToken::new(), elsewhere), ..world.cx() };
    abandoned(&cx).await;
    assert!(world.runs(NAME));
    assert_eq!(journals(&world), 1);
}

#[tokio::test]
async fn what_a_command_that_still_runs_makes_is_its_own() {
    let world = World::new();
    world.container(NAME).launch("mine").put();
    let runs = world.cx();
    runs.scope.ledger.push(instance("mine"));
    abandoned(&world.cx()).await;
    assert!(world.runs(NAME));
}

#[tokio::test]
async fn what_cannot_be_removed_now_is_left_to_a_later_command() {
    let world = World::new();
    world.container(NAME).persistent().stopped().launch("mine").put();
    world.daemon.on("DELETE /1.0/instances/*").refuse(400, "The pool is gone");
    killed(&world, &[instance("mine")]);
    abandoned(&world.cx()).await;
    assert!(world.instance(NAME).is_some());
    assert_eq!(journals(&world), 1);
}

/// A call that had created nothing visible when its deadline passed.
async fn in_doubt(world: &World) {
    let cx = world.cx();
    let work = async {
        cx.scope.ledger.push(instance("mine"));
        Err::<(), _>(Error::TimedOut { step: "create".into(), seconds: 1, still_running: true })
    };
    on_failure(&cx, work).await.unwrap_err();
}

#[tokio::test]
async fn what_incus_may_still_create_is_looked_for_again() {
    let world = World::new();
    in_doubt(&world).await;
    abandoned(&world.cx()).await;
    assert_eq!(journals(&world), 1, "it may still come");
    world.container(NAME).launch("mine").put();
    abandoned(&world.cx()).await;
    assert!(world.instance(NAME).is_none());
    assert_eq!(journals(&world), 0);
}

#[tokio::test]
async fn what_the_same_call_could_roll_back_is_in_no_doubt() {
    let world = World::new();
    world.container(NAME).launch("mine").put();
    in_doubt(&world).await;
    assert!(world.instance(NAME).is_none());
    abandoned(&world.cx()).await;
    assert_eq!(journals(&world), 0);
}
