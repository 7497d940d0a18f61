//! How commands end, on a daemon in memory.

use std::time::Duration;

use cci_core::{Error, Result};
use cci_incus::fake::Answer;

use super::container_exec::{Command, run};
use super::outcome::Outcome;
use crate::testing::{ANOTHER, World};

async fn ran(world: &World) -> Result<Outcome> {
    let argv = vec!["probe".to_owned()];
    let command = Command { argv, user: None, group: None, cwd: Some("/".into()), tty: false, capture: true };
    run(&world.cx(), "cci-a-1", &command).await
}

/// A container whose command `probe` answers so, behind the `.` with which cci's script begins.
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
