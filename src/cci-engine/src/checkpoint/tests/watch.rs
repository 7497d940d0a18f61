//! What a watch in a container answers.

use cci_core::Error;
use cci_guest::standstill::RootState;
use cci_incus::fake::Answer;
use jiff::Timestamp;

use super::{NAME, world};
use crate::checkpoint::watch::{Look, Standstill, Watch};
use crate::testing::World;

/// A world whose container's shell says this.
fn saying(lines: &str) -> World {
    let world = world();
    world.daemon.answer("bash", Answer { stdout: lines.into(), ..Answer::default() });
    world
}

#[tokio::test]
async fn a_standstill_begins_at_a_moment_of_the_containers_clock_and_ends() {
    let world = saying("ready\n1795751725.697319\nheld\nsame\n");
    let cx = world.cx();
    let standstill = Standstill::begin(&cx, NAME).await.unwrap().unwrap();
    assert_eq!(standstill.at.as_microsecond(), 1_795_751_725_697_319);
    let at = standstill.at;
    let ended = standstill.end().await;
    assert!(ended.stood_still && ended.state.is_none());
    assert_eq!(ended.watch.unwrap().look(&cx, at, None).await.unwrap(), Look::Same(None));
}

#[tokio::test]
async fn one_that_ended_by_itself_says_so() {
    let world = saying("ready\n1795751725.697319\nlate\n");
    let standstill = Standstill::begin(&world.cx(), NAME).await.unwrap().unwrap();
    assert!(!standstill.end().await.stood_still);
}

#[tokio::test]
async fn a_container_that_does_not_answer_does_not_stand_still() {
    for lines in [
        "",
        "rea",
        "ready\n",
        "ready\nlate\n",
        "bash: not found\n",
        "ready\n17957517257957517251795751725795751725.697319\n",
    ] {
        let world = saying(lines);
        assert!(Standstill::begin(&world.cx(), NAME).await.unwrap().is_none(), "{lines:?}");
    }
    let world = World::new();
    assert!(Standstill::begin(&world.cx(), NAME).await.unwrap().is_none(), "it is gone");
    world.container(NAME).stopped().persistent().put();
    assert!(Standstill::begin(&world.cx(), NAME).await.unwrap().is_none(), "it is stopped");
}

#[tokio::test]
async fn one_that_incus_gave_up_before_it_ran_is_opened_again() {
    let world = saying("ready\nsame\n");
    world.daemon.on("POST /1.0/instances/*/exec").fail(500, "Failed to retrieve PID of executing child process");
    let cx = world.cx();
    let mut watch = Watch::open(&cx, NAME).await.unwrap().unwrap();
    assert_eq!(watch.look(&cx, Timestamp::UNIX_EPOCH, None).await.unwrap(), Look::Same(None));
}

#[tokio::test]
async fn what_is_not_known_to_be_the_same_is_not_taken_for_that() {
    let state = RootState::parse("7.1795818047.483795870");
    for (lines, look) in [
        ("ready\nchanged\n", Some(Look::Changed)),
        ("ready\nsame\n", Some(Look::Same(None))),
        ("ready\nsame 7.1795818047.483795870\n", Some(Look::Same(state))),
        ("ready\nsame x\n", None),
        ("ready\nsam", None),
    ] {
        let world = saying(lines);
        let cx = world.cx();
        let mut watch = Watch::open(&cx, NAME).await.unwrap().unwrap();
        match watch.look(&cx, Timestamp::UNIX_EPOCH, None).await {
            Ok(found) => assert_eq!(Some(found), look, "{lines:?}"),
            Err(Error::StepFailed { .. }) => assert_eq!(look, None, "{lines:?}"),
            Err(other) => panic!("{lines:?}: {other}"),
        }
    }
}
