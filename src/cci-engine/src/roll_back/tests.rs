//! What a failed call rolls back, and what it leaves, against a daemon in memory.

mod abandoned;

use std::path::PathBuf;

use cci_core::session::SessionId;
use cci_core::{Error, Result};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::on_failure;
use crate::context::Context;
use crate::launch;
use crate::ledger::{Ledger, Made, Server};
use crate::scope::Scope;
use crate::testing::{World, write};

const NAME: &str = "cci-a-1";

fn instance(launch: &str) -> Made {
    Made::Instance { name: NAME.into(), launch: launch.into() }
}

/// A call that creates this and then fails.
async fn failed(cx: &Context, made: Made) {
    let work = async {
        cx.scope.ledger.push(made);
        Err::<(), _>(Error::NoSession { other: None })
    };
    assert!(matches!(on_failure(cx, work).await, Err(Error::NoSession { other: None })), "the failure itself is told");
}

/// Where a conversation is.
fn session_dir(world: &World) -> PathBuf {
    launch::store(&world.cx()).dir(SessionId::from_random([1; 16]))
}

/// How many commands have left a journal.
fn journals(world: &World) -> usize {
    std::fs::read_dir(world.unfinished()).map_or(0, Iterator::count)
}

#[tokio::test]
async fn what_a_call_created_stays_where_it_succeeds() {
    let world = World::new();
    world.container(NAME).launch("mine").put();
    let cx = world.cx();
    let work = async {
        cx.scope.ledger.push(instance("mine"));
        Ok(())
    };
    on_failure(&cx, work).await.unwrap();
    assert!(world.runs(NAME));
    assert_eq!(journals(&world), 0, "nothing is left for the next command");
}

#[tokio::test]
async fn the_container_of_a_failed_call_goes_and_that_of_another_call_stays() {
    for (launch, stays) in [("mine", false), ("anothers", true)] {
        let world = World::new();
        world.container(NAME).launch(launch).put();
        failed(&world.cx(), instance("mine")).await;
        assert_eq!(world.instance(NAME).is_some(), stays, "{launch}");
        assert_eq!(journals(&world), 0);
    }
}

#[tokio::test]
async fn a_container_that_a_failed_call_started_is_stopped_and_kept() {
    for (launch, runs) in [("mine", false), ("anothers", true)] {
        let world = World::new();
        world.container(NAME).persistent().launch(launch).put();
        failed(&world.cx(), Made::Started { name: NAME.into(), launch: "mine".into() }).await;
        assert_eq!(world.runs(NAME), runs, "{launch}");
        assert!(world.instance(NAME).is_some());
    }
}

#[tokio::test]
async fn files_of_a_failed_call_go() {
    let world = World::new();
    let (staging, file) = (world.proj().join("staging"), world.proj().join("file"));
    write(&staging.join("deep/file"), "");
    write(&file, "");
    failed(&world.cx(), Made::Staging(staging.clone())).await;
    failed(&world.cx(), Made::Staged(file.clone())).await;
    assert!(!staging.exists() && !file.exists());
    failed(&world.cx(), Made::Staged(file)).await;
    assert!(!world.was_reported("NotRemoved"), "what is gone is as it should be: {:?}", world.reported());
}

#[tokio::test]
async fn a_session_goes_unless_there_is_a_conversation_in_it() {
    let world = World::new();
    let dir = session_dir(&world);
    write(&dir.join("metadata.json"), "{}");
    failed(&world.cx(), Made::SessionDir(dir.clone())).await;
    assert!(!dir.exists());
    write(&dir.join(".claude/projects/-workspace/3f2b8c1e-5d7a-4e0b-9c4f-1a2b3c4d5e6f.jsonl"), "{}\n");
    failed(&world.cx(), Made::SessionDir(dir.clone())).await;
    assert!(dir.join(".claude/projects/-workspace").exists());
}

#[tokio::test]
async fn a_session_that_another_container_has_resumed_meanwhile_stays() {
    for (there, stays) in [(true, true), (false, false)] {
        let world = World::new();
        let id = SessionId::from_random([1; 16]);
        world.save_session(id, "cci-a-2", "2026-01-01T00:00:00Z");
        if there {
            world.container("cci-a-2").session(id).put();
        }
        let dir = session_dir(&world);
        failed(&world.cx(), Made::SessionDir(dir.clone())).await;
        assert_eq!(dir.join("metadata.json").exists(), stays, "{there}");
        assert_eq!(journals(&world), 0);
    }
}

#[tokio::test]
async fn the_volume_of_a_failed_call_goes_and_that_of_another_call_stays() {
    let path = "/1.0/storage-pools/default/volumes/custom/v";
    for (launch, stays) in [("mine", false), ("anothers", true)] {
        let world = World::new();
        world.daemon.put(path, json!({"name": "v", "config": {"user.cci.launch": launch}, "used_by": []}));
        let dir = session_dir(&world);
        let made = Made::StateVolume { pool: "default".into(), name: "v".into(), launch: "mine".into(), dir };
        failed(&world.cx(), made).await;
        assert_eq!(world.daemon.get(path).is_some(), stays, "{launch}");
    }
}

#[tokio::test]
async fn the_snapshot_of_a_failed_call_goes() {
    let world = World::new();
    world.container(NAME).put();
    let path = "/1.0/instances/cci-a-1/snapshots/s";
    world.daemon.put(path, json!({"name": "s"}));
    failed(&world.cx(), Made::Snapshot { container: NAME.into(), name: "s".into() }).await;
    assert!(world.daemon.get(path).is_none());
    assert!(world.runs(NAME));
}

#[tokio::test]
async fn of_images_those_with_the_label_and_without_the_name_go() {
    let world = World::new();
    let mark = ("user.cci.launch", "mine");
    world.put_image("aa01", &[], &[mark]);
    world.put_image("aa02", &["wanted"], &[mark]);
    world.put_image("aa03", &[], &[mark, ("user.cci.owner-uid", "1001")]);
    world.put_image("aa04", &[], &[("user.cci.launch", "anothers")]);
    failed(&world.cx(), Made::Images { launch: "mine".into(), alias: "wanted".into() }).await;
    let there = |image: &str| world.daemon.get(&format!("/1.0/images/{image}")).is_some();
    assert!(!there("aa01"));
    assert!(there("aa02") && there("aa03") && there("aa04"), "whole, another user's, another call's");
}

#[tokio::test]
async fn what_cannot_be_rolled_back_is_told_and_left_to_the_next_command() {
    let world = World::new();
    world.container(NAME).persistent().stopped().launch("mine").put();
    world.daemon.on("DELETE /1.0/instances/*").refuse(400, "The pool is gone");
    failed(&world.cx(), instance("mine")).await;
    assert!(world.was_reported("NotRemoved { made: Instance { name: \"cci-a-1\""), "{:?}", world.reported());
    assert_eq!(journals(&world), 1);
    super::abandoned(&world.cx()).await;
    assert!(world.instance(NAME).is_none());
    assert_eq!(journals(&world), 0);
}

#[tokio::test]
async fn what_a_call_within_a_call_could_not_roll_back_is_tried_again_and_never_forgotten() {
    for (tries, is_left) in [(1, false), (2, true)] {
        let world = World::new();
        world.container(NAME).launch("mine").put();
        for nth in 1..=tries {
            world.daemon.on("GET /1.0/operations").nth(nth).lose();
        }
        let cx = world.cx();
        let within = async {
            failed(&cx, instance("mine")).await;
            Err::<(), _>(Error::NoSession { other: None })
        };
        on_failure(&cx, within).await.unwrap_err();
        assert_eq!(world.instance(NAME).is_some(), is_left, "{tries}");
        assert_eq!(journals(&world), usize::from(is_left), "{tries}");
        drop(cx);
        super::abandoned(&world.cx()).await;
        assert!(world.instance(NAME).is_none(), "{tries}: the next command");
    }
}

#[tokio::test]
async fn an_interrupted_call_is_rolled_back() {
    let world = World::new();
    world.container(NAME).launch("mine").put();
    let cancel = CancellationToken::new();
    let server = Server { endpoint: "/fake".into(), project: "default".into() };
    let cx = Context { scope: Scope::new(cancel.clone(), Ledger::new(world.unfinished(), server)), ..world.cx() };
    let work = async {
        cx.scope.ledger.push(instance("mine"));
        cancel.cancel();
        std::future::pending::<Result<()>>().await
    };
    assert!(matches!(on_failure(&cx, work).await, Err(Error::Interrupted)));
    assert!(world.instance(NAME).is_none());
}

#[tokio::test]
async fn a_create_whose_answer_was_lost_is_found_and_rolled_back() {
    let world = World::new();
    world.put_image("ab12", &["cci"], &[]);
    world.daemon.on("POST /1.0/instances").cut();
    let cx = world.cx();
    on_failure(&cx, launch::standalone(&cx, "cci", NAME, false)).await.unwrap_err();
    assert_eq!(world.daemon.count("POST /1.0/instances"), 1);
    assert!(world.instance(NAME).is_none());
    assert_eq!(journals(&world), 0);
}

#[tokio::test]
async fn the_newest_is_rolled_back_first() {
    let world = World::new();
    world.container(NAME).launch("mine").put();
    let cx = world.cx();
    cx.scope.ledger.push(instance("mine"));
    cx.scope.ledger.push(Made::Snapshot { container: NAME.into(), name: "s".into() });
    super::everything(&cx).await;
    let requests = world.requests();
    let at = |line: &str| requests.iter().position(|seen| seen == line).unwrap();
    assert!(at("DELETE /1.0/instances/cci-a-1/snapshots/s") < at("PUT /1.0/instances/cci-a-1/state"), "{requests:?}");
}
