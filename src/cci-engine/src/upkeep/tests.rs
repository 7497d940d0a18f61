//! What `clean` finds and removes, against a daemon in memory.

use std::time::Duration;

use cci_core::mark::Kind;
use cci_core::session::SessionId;
use cci_incus::OperationKind;

use super::clean::{Leftovers, Wanted, find, remove};
use crate::launch;
use crate::testing::{ANOTHER, World, write};

const EVERYTHING: Wanted =
    Wanted { containers: true, sessions: true, persistent: true, checkpoints: false, older_than: None };

fn id(byte: u8) -> SessionId {
    SessionId::from_random([byte; 16])
}

async fn found(world: &World, wanted: Wanted) -> Leftovers {
    find(&world.cx(), wanted).await.unwrap()
}

async fn containers(world: &World, wanted: Wanted) -> Vec<(String, &'static str)> {
    found(world, wanted).await.containers.into_iter().map(|old| (old.name, old.why)).collect()
}

#[tokio::test]
async fn what_is_left_over_is_found_with_the_reason() {
    let world = World::new();
    world.container("cci-a-1").stopped().put();
    world.container("cci-a-2").kind(Kind::Build).stopped().put();
    world.container("cci-a-3").persistent().stopped().put();
    let expected = [("cci-a-1", "left by a crash"), ("cci-a-2", "left by a build"), ("cci-a-3", "stopped, persistent")];
    assert_eq!(containers(&world, EVERYTHING).await, expected.map(|(name, why)| (name.to_owned(), why)));
    assert_eq!(world.requests().iter().filter(|seen| !seen.starts_with("GET ")).count(), 0, "a look changes nothing");
}

#[tokio::test]
async fn a_container_takes_the_disk_space_that_the_pool_counts() {
    let world = World::new();
    world.container("cci-a-1").stopped().config("user.disk-usage", "4096").put();
    world.container("cci-a-2").stopped().put();
    world.container("cci-a-3").stopped().config("user.disk-usage", "-1").put();
    let bytes: Vec<_> = found(&world, EVERYTHING).await.containers.into_iter().map(|old| old.bytes).collect();
    assert_eq!(bytes, [Some(4096), None, None]);
}

#[tokio::test]
async fn persistent_containers_go_only_when_they_are_asked_for() {
    let world = World::new();
    world.container("cci-a-1").persistent().stopped().put();
    assert!(containers(&world, Wanted { persistent: false, ..EVERYTHING }).await.is_empty());
}

#[tokio::test]
async fn what_runs_is_being_made_or_is_not_the_callers_is_not_found() {
    let world = World::new();
    world.container("cci-a-1").put();
    world.container("cci-a-2").frozen().put();
    world.container("cci-a-3").never_started().put();
    world.container("cci-a-4").of(ANOTHER).stopped().put();
    world.container("cci-a-5").unmarked().stopped().put();
    world.container("other-1").stopped().put();
    assert!(containers(&world, EVERYTHING).await.is_empty());
}

#[tokio::test]
async fn only_what_is_old_enough_is_found() {
    let world = World::new();
    world.container("cci-a-1").stopped().put();
    world.save_session(id(1), "cci-b-1", "2026-01-01T00:00:00Z");
    world.save_session(id(2), "cci-b-1", &jiff::Timestamp::now().to_string());
    let day = Duration::from_secs(86_400);
    let leftovers = found(&world, Wanted { older_than: Some(day), ..EVERYTHING }).await;
    assert_eq!((leftovers.containers.len(), leftovers.sessions.len()), (1, 1));
    assert_eq!(leftovers.sessions[0].id, id(1));
    let century = Wanted { older_than: Some(day * 36_500), ..EVERYTHING };
    assert_eq!(found(&world, century).await.count(), 0);
}

#[tokio::test]
async fn a_session_that_a_container_of_any_project_has_stays() {
    let world = World::new();
    world.save_session(id(1), "cci-a-1", "2026-01-01T00:00:00Z");
    world.save_session(id(2), "cci-a-2", "2026-01-01T00:00:00Z");
    world.save_session(id(3), "cci-a-3", "2026-01-01T00:00:00Z");
    world.container("cci-a-1").session(id(1)).put();
    world.container("cci-a-2").session(id(2)).persistent().stopped().project("other").put();
    let sessions: Vec<_> = found(&world, EVERYTHING).await.sessions.into_iter().map(|old| old.id).collect();
    assert_eq!(sessions, [id(3)]);
}

#[tokio::test]
async fn the_session_of_a_container_that_goes_goes_with_it() {
    let world = World::new();
    world.save_session(id(1), "cci-a-1", "2026-01-01T00:00:00Z");
    world.container("cci-a-1").session(id(1)).stopped().put();
    assert_eq!(found(&world, EVERYTHING).await.sessions.len(), 1);
    let containers_stay = Wanted { containers: false, ..EVERYTHING };
    assert!(found(&world, containers_stay).await.sessions.is_empty());
}

#[tokio::test]
async fn an_end_that_has_begun_is_waited_for_before_anything_is_looked_for() {
    let world = World::new();
    world.save_session(id(1), "cci-a-1", "2026-01-01T00:00:00Z");
    world.container("cci-a-1").session(id(1)).put();
    world.container("other-1").put();
    world.daemon.begin(OperationKind::Stopping, "cci-a-1");
    world.daemon.begin(OperationKind::Stopping, "other-1");
    found(&world, EVERYTHING).await;
    let requests = world.requests();
    let waits: Vec<_> =
        requests.iter().enumerate().filter(|(_, seen)| seen.contains("/wait")).map(|(at, _)| at).collect();
    let looked = requests.iter().position(|seen| seen.starts_with("GET /1.0/instances"));
    assert!(matches!(&waits[..], [at] if Some(*at) < looked), "one wait, for the caller's own: {requests:?}");
}

#[tokio::test]
async fn a_damaged_session_is_told_and_stays() {
    let world = World::new();
    let file = launch::store(&world.cx()).dir(id(1)).join("metadata.json");
    write(&file, "{");
    let leftovers = found(&world, EVERYTHING).await;
    assert_eq!(remove(&world.cx(), &leftovers).await.unwrap(), 0);
    assert!(file.exists());
    assert!(world.was_reported("Damaged"), "{:?}", world.reported());
}

#[tokio::test]
async fn what_was_found_is_removed_and_counted() {
    let world = World::new();
    world.save_session(id(1), "cci-a-1", "2026-01-01T00:00:00Z");
    world.container("cci-a-1").session(id(1)).stopped().put();
    let leftovers = found(&world, EVERYTHING).await;
    assert_eq!(remove(&world.cx(), &leftovers).await.unwrap(), 2);
    assert!(world.instance("cci-a-1").is_none());
    assert!(!launch::store(&world.cx()).dir(id(1)).exists());
}

#[tokio::test]
async fn a_container_that_was_launched_again_meanwhile_stays() {
    let world = World::new();
    world.container("cci-a-1").persistent().stopped().put();
    let leftovers = found(&world, EVERYTHING).await;
    world.container("cci-a-1").persistent().launch("newer").put();
    remove(&world.cx(), &leftovers).await.unwrap();
    assert!(world.runs("cci-a-1"));
}

#[tokio::test]
async fn what_cannot_be_removed_is_told_and_the_rest_goes() {
    let world = World::new();
    world.container("cci-a-1").stopped().put();
    world.container("cci-a-2").stopped().put();
    world.daemon.on("DELETE /1.0/instances/*").refuse(400, "The pool is gone");
    let leftovers = found(&world, EVERYTHING).await;
    assert_eq!(remove(&world.cx(), &leftovers).await.unwrap(), 1);
    assert!(world.was_reported("The pool is gone"), "{:?}", world.reported());
    assert!(world.instance("cci-a-1").is_some() && world.instance("cci-a-2").is_none());
}

#[tokio::test]
async fn a_session_that_was_resumed_after_it_was_found_stays_and_is_named() {
    let world = World::new();
    for byte in [1, 2] {
        world.save_session(id(byte), "cci-b-1", "2026-01-01T00:00:00Z");
    }
    let leftovers = found(&world, EVERYTHING).await;
    assert_eq!(leftovers.sessions.len(), 2);
    // whoever is asked whether they are to go takes his time
    world.container("cci-a-1").session(id(1)).put();
    assert_eq!(remove(&world.cx(), &leftovers).await.unwrap(), 1);
    let store = launch::store(&world.cx());
    assert!(store.read(id(1)).unwrap().is_some() && !store.dir(id(2)).exists());
    assert!(world.was_reported("container cci-a-1 has it"), "{:?}", world.reported());
}

#[tokio::test]
async fn a_session_is_removed_only_when_no_launch_is_resuming_it_any_more() {
    let world = World::new();
    world.save_session(id(1), "cci-b-1", "2026-01-01T00:00:00Z");
    let leftovers = found(&world, EVERYTHING).await;
    let store = launch::store(&world.cx());
    let resuming = cci_host::store::session_lock::resume(&store.dir(id(1))).unwrap().unwrap();
    let cx = world.cx();
    let mut removing = Box::pin(remove(&cx, &leftovers));
    let early = tokio::time::timeout(Duration::from_millis(200), &mut removing).await;
    assert!(early.is_err(), "it does not wait for the launch");
    world.container("cci-a-1").session(id(1)).put();
    drop(resuming);
    assert_eq!(removing.await.unwrap(), 0);
    assert!(store.read(id(1)).unwrap().is_some());
}

#[tokio::test]
async fn a_container_that_was_started_after_it_was_found_stays_and_is_named() {
    let world = World::new();
    world.container("cci-a-1").persistent().stopped().launch("mine").put();
    let leftovers = found(&world, EVERYTHING).await;
    assert_eq!(leftovers.containers.len(), 1);
    world.container("cci-a-1").persistent().launch("mine").put();
    assert_eq!(remove(&world.cx(), &leftovers).await.unwrap(), 0);
    assert!(world.runs("cci-a-1"));
    assert!(world.was_reported("it has been started since"), "{:?}", world.reported());
}
