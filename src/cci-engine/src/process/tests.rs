//! How commands exit, against a daemon in memory.

use std::time::Duration;

use cci_core::slot::SlotChoice;
use cci_core::{Error, Result};
use cci_incus::fake::Answer;

use super::container_exec::{Command, run};
use super::outcome::Outcome;
use crate::roll_back::abandoned;
use crate::testing::{ANOTHER, World};

async fn ran(world: &World) -> Result<Outcome> {
    ran_by(world, None).await
}

async fn ran_by(world: &World, user: Option<&str>) -> Result<Outcome> {
    let (argv, user) = (vec!["probe".to_owned()], user.map(str::to_owned));
    let command = Command { argv, user, group: None, cwd: Some("/".into()), tty: false, capture: true, no_input: true };
    run(&world.cx(), "cci-a-1", &command).await
}

/// A container whose command `probe` answers like this, after the `.` with which cci's script begins.
fn answering(status: u8, stdout: &str, stderr: &str) -> World {
    let world = World::new();
    world.container("cci-a-1").put();
    let answer = Answer { stdout: format!(".{stdout}").into(), stderr: stderr.into(), status };
    world.daemon.answer("probe", answer);
    world
}

#[tokio::test]
async fn a_command_ends_with_its_own_status_and_what_it_printed() {
    let outcome = ran(&answering(7, "out", "err")).await.unwrap();
    assert_eq!((outcome.status, outcome.exit()), (7, 7));
    assert_eq!((outcome.stdout, outcome.stderr), (b"out".to_vec(), b"err".to_vec()));
}

#[tokio::test]
async fn a_status_of_a_signal_is_passed_through() {
    assert_eq!(ran(&answering(137, "", "")).await.unwrap().exit(), 137);
}

#[test]
fn a_status_that_no_process_can_have_is_the_highest() {
    let exit = |status| Outcome { status, stdout: Vec::new(), stderr: Vec::new(), duration: Duration::ZERO }.exit();
    assert_eq!((exit(0), exit(255), exit(256), exit(-1)), (0, 255, 255, 255));
}

#[tokio::test]
async fn nothing_runs_in_a_container_that_does_not_run() {
    let world = World::new();
    world.container("cci-a-1").persistent().stopped().put();
    assert!(matches!(ran(&world).await, Err(Error::ContainerNotRunning { .. })));
}

#[tokio::test]
async fn a_command_in_another_users_container_is_refused() {
    let world = World::new();
    world.container("cci-a-1").of(ANOTHER).put();
    assert!(matches!(ran(&world).await, Err(Error::NotOwner { .. })));
}

#[tokio::test]
async fn the_number_that_is_no_user_is_not_root() {
    let world = answering(0, "", "");
    let refused = ran_by(&world, Some("4294967295")).await.unwrap_err();
    assert_eq!(refused.to_string(), "invalid user '4294967295'");
    assert_eq!(world.daemon.count("POST /1.0/instances/*/exec"), 0);
}

/// A world in which `cci run` can launch, with a command `probe` that exits like this.
fn launching(settings: &str, status: u8) -> World {
    let world = World::configured(&format!("network.mode = \"open\"\n{settings}"));
    world.put_image("ab12", &["cci"], &[]);
    world.daemon.answer("probe", Answer { stdout: b".out".to_vec(), status, ..Answer::default() });
    world
}

async fn launched(world: &World) -> Result<Outcome> {
    let argv = vec!["probe".to_owned()];
    let command = super::run::Command {
        argv,
        slot: SlotChoice::Auto,
        capture: true,
        timeout: None,
        no_input: true,
        checkpoint: false,
    };
    // the thread of a test has a small stack
    Box::pin(super::run::run(&world.cx(), &command)).await
}

/// How many commands have left a journal.
fn journals(world: &World) -> usize {
    std::fs::read_dir(world.unfinished()).map_or(0, Iterator::count)
}

#[tokio::test]
async fn a_run_ends_with_the_commands_status_and_its_container_goes() {
    let world = launching("", 3);
    let outcome = launched(&world).await.unwrap();
    assert_eq!((outcome.status, outcome.stdout), (3, b"out".to_vec()));
    assert!(world.instance(&world.slot(1)).is_none());
    assert_eq!(journals(&world), 0);
}

#[tokio::test]
async fn a_run_in_a_persistent_container_stops_it_and_keeps_it() {
    let world = launching("defaults.persistent = true\n", 0);
    launched(&world).await.unwrap();
    assert!(world.instance(&world.slot(1)).is_some_and(|kept| kept["status_code"] == 102));
    assert_eq!(journals(&world), 0);
    launched(&world).await.unwrap();
    assert_eq!(world.daemon.count("POST /1.0/instances"), 1, "the next run takes it again");
}

#[tokio::test]
async fn a_run_whose_launch_fails_leaves_nothing() {
    let world = launching("", 0);
    world.daemon.on("POST /1.0/instances").fail(400, "Failed to run: incusd forkstart c1: exit status 1");
    launched(&world).await.unwrap_err();
    assert!(world.instance(&world.slot(1)).is_none());
    assert_eq!(journals(&world), 0);
}

#[tokio::test]
async fn a_run_whose_stop_is_refused_leaves_a_note_for_the_next_command() {
    let world = launching("", 0);
    for _ in 0..2 {
        world.daemon.on("PUT /1.0/instances/*/state").refuse(500, "The database is locked");
    }
    launched(&world).await.unwrap();
    assert!(world.was_reported("NotRemoved { made: Instance"), "{:?}", world.reported());
    assert_eq!(journals(&world), 1);
    abandoned(&world.cx()).await;
    assert!(world.instance(&world.slot(1)).is_none());
}
