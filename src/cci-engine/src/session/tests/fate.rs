//! What happens to a container whose terminal is left.

use cci_core::Error;
use cci_core::lifetime::Lifetime;
use cci_guest::GuestExit;
use cci_incus::fake::Answer;

use crate::session::left::Left;
use crate::session::shutdown::{Fate, fate, is_going_down, wait_until_down};
use crate::testing::World;

const NAME: &str = "cci-a-1";

#[tokio::test]
async fn what_the_guest_has_told_needs_no_question() {
    let world = World::new();
    let cx = world.cx();
    assert_eq!(fate(&cx, NAME, Some(GuestExit::KeepsRunning), None).await.unwrap(), Fate::Running);
    let noted = Some(Lifetime::Persistent);
    let told = fate(&cx, NAME, Some(GuestExit::ShutsDown), noted).await.unwrap();
    assert_eq!(told, Fate::Stopped(Lifetime::Persistent));
    assert!(world.requests().is_empty());
}

#[tokio::test]
async fn a_terminal_that_ends_before_incus_falls_silent_leads_back_to_its_session() {
    let reported = async |exit: GuestExit| {
        let world = World::new();
        world.container(NAME).put();
        world.daemon.on("GET /1.0/instances/*").lose();
        let (noted, pinned) = (None, Vec::new());
        let left = Left { ended: Ok(exit.status()), exit: Some(exit), saved: false, workspace: None, noted, pinned };
        left.report(&world.cx(), NAME).await
    };
    // as tmux ends that has lost its terminal
    let lost = reported(GuestExit::Other(1)).await.unwrap_err();
    assert!(matches!(&lost, Error::ConnectionLost { name, goes_on: true, .. } if name == NAME), "{lost}");
    let down = reported(GuestExit::ShutsDown).await;
    assert!(!matches!(down, Err(Error::ConnectionLost { .. })), "{down:?}");
}

#[tokio::test]
async fn a_container_that_is_gone_was_ephemeral() {
    let world = World::new();
    let told = fate(&world.cx(), NAME, None, None).await.unwrap();
    assert_eq!(told, Fate::Stopped(Lifetime::Ephemeral));
}

#[tokio::test]
async fn a_stopped_container_is_told_with_what_incus_says_of_its_lifetime() {
    let world = World::new();
    world.container(NAME).persistent().stopped().put();
    let told = fate(&world.cx(), NAME, None, Some(Lifetime::Ephemeral)).await.unwrap();
    assert_eq!(told, Fate::Stopped(Lifetime::Persistent));
}

#[tokio::test]
async fn a_running_container_goes_down_where_its_init_was_killed_with_the_question() {
    for (status, goes_down) in [(0, false), (137, true)] {
        let world = World::new();
        world.container(NAME).put();
        world.daemon.answer("sh", Answer { status, ..Answer::default() });
        assert_eq!(is_going_down(&world.cx(), NAME).await, goes_down, "{status}");
    }
}

#[tokio::test]
async fn a_container_that_is_down_is_not_waited_for() {
    let world = World::new();
    wait_until_down(&world.cx(), NAME).await.unwrap();
    world.container(NAME).persistent().stopped().put();
    wait_until_down(&world.cx(), NAME).await.unwrap();
    assert_eq!(world.daemon.count("GET /1.0/instances/*"), 2);
}
