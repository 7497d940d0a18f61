//! Whose containers a verb finds.

use cci_core::Error;
use cci_core::mark::Kind;

use crate::instance::ownership::{self, Whose};
use crate::testing::{ANOTHER, World};

#[tokio::test]
async fn the_callers_own_container_is_found_by_its_name() {
    let world = World::new();
    world.container("cci-a-1").put();
    let found = ownership::find(&world.cx(), "cci-a-1").await.unwrap();
    assert_eq!(found.name, "cci-a-1");
}

#[tokio::test]
async fn a_container_that_is_not_there_is_not_found() {
    let world = World::new();
    let error = ownership::find(&world.cx(), "cci-a-1").await.unwrap_err();
    assert!(matches!(error, Error::ContainerNotFound { name } if name == "cci-a-1"));
}

#[tokio::test]
async fn another_users_container_is_refused_and_its_owner_named() {
    let world = World::new();
    world.container("cci-a-1").of(ANOTHER).put();
    let error = ownership::find(&world.cx(), "cci-a-1").await.unwrap_err();
    assert!(matches!(error, Error::NotOwner { problem, .. } if problem.contains("user 1001")));
}

#[tokio::test]
async fn another_users_container_is_roots_too() {
    let world = World::new();
    world.container("cci-a-1").of(ANOTHER).put();
    assert!(ownership::find(&world.cx_of(0), "cci-a-1").await.is_ok());
}

#[tokio::test]
async fn any_owner_finds_another_users_container() {
    let world = World::new();
    world.container("cci-a-1").of(ANOTHER).put();
    assert!(ownership::find(&world.cx().of_any_owner(true), "cci-a-1").await.is_ok());
}

#[tokio::test]
async fn an_unmarked_container_is_anybodys_and_none_of_ccis() {
    let world = World::new();
    world.container("cci-a-1").unmarked().put();
    assert!(ownership::find(&world.cx(), "cci-a-1").await.is_ok());
    let error = ownership::one(&world.cx(), "cci-a-1").await.unwrap_err();
    assert!(matches!(error, Error::ContainerNotFound { .. }));
}

#[tokio::test]
async fn a_full_name_need_not_begin_with_the_prefix() {
    let world = World::new();
    world.container("worker").put();
    world.container("cci-build-1").kind(Kind::Build).put();
    assert_eq!(ownership::one(&world.cx(), "worker").await.unwrap().instance.name, "worker");
    let error = ownership::one(&world.cx(), "cci-build-1").await.unwrap_err();
    assert!(matches!(error, Error::ContainerNotFound { .. }));
    assert!(ownership::all(&world.cx()).await.unwrap().is_empty());
}

#[tokio::test]
async fn marks_without_an_owner_are_nobodys() {
    let world = World::new();
    world.container("cci-a-1").unmarked().config("user.cci.kind", "session").put();
    let error = ownership::find(&world.cx(), "cci-a-1").await.unwrap_err();
    assert!(matches!(error, Error::NotOwner { problem, .. } if problem.contains("another user")));
}

#[tokio::test]
async fn a_container_that_does_not_run_is_not_found_running() {
    let world = World::new();
    world.container("cci-a-1").stopped().persistent().put();
    world.container("cci-a-2").frozen().put();
    for name in ["cci-a-1", "cci-a-2"] {
        let error = ownership::find_running(&world.cx(), name).await.unwrap_err();
        assert!(matches!(error, Error::ContainerNotRunning { .. }), "{name}");
    }
}

#[tokio::test]
async fn all_are_the_callers_under_the_prefix_without_those_of_builds() {
    let world = World::new();
    world.container("cci-b-1").put();
    world.container("cci-a-1").put();
    world.container("cci-c-1").of(ANOTHER).put();
    world.container("cci-d-1").unmarked().put();
    world.container("cci-e-1").kind(Kind::Build).put();
    world.container("other-1").put();
    let names = |found: Vec<ownership::Owned>| found.into_iter().map(|owned| owned.instance.name).collect::<Vec<_>>();
    assert_eq!(names(ownership::all(&world.cx()).await.unwrap()), ["cci-a-1", "cci-b-1"]);
    let everybodys = ownership::all_of(&world.cx(), Whose::Everybodys).await.unwrap();
    assert_eq!(names(everybodys), ["cci-a-1", "cci-b-1", "cci-c-1"]);
}

#[tokio::test]
async fn an_ephemeral_container_that_is_being_stopped_counts_as_gone() {
    use cci_incus::OperationKind;

    let world = World::new();
    world.container("cci-a-1").put();
    world.container("cci-a-2").persistent().put();
    world.container("cci-a-3").persistent().put();
    world.daemon.begin(OperationKind::Stopping, "cci-a-1");
    world.daemon.begin(OperationKind::Stopping, "cci-a-2");
    world.daemon.begin(OperationKind::Deleting, "cci-a-3");
    let found = ownership::all(&world.cx()).await.unwrap();
    let names: Vec<_> = found.iter().map(|owned| owned.instance.name.as_str()).collect();
    assert_eq!(names, ["cci-a-2"], "a stop does not take a persistent one, a delete does");
}
