//! How commands end: by themselves, by a signal, because nobody holds them, or because they take too long.

use std::time::{Duration, Instant};

use cci_incus::{Error, Exec, OperationKind};
use tokio::{io::AsyncReadExt as _, time::timeout};

use crate::support::{LIMIT, sh, shared};

#[tokio::test]
async fn a_signal_reaches_the_command() {
    let bed = shared();
    let exec = sh("trap 'exit 9' USR1; echo ready; while :; do sleep 0.02; done");
    let mut process = bed.client().exec(&bed.container, &exec).await.unwrap();
    let mut output = process.stdout.take().unwrap();
    let mut ready = [0; 6];
    timeout(LIMIT, output.read_exact(&mut ready)).await.unwrap().unwrap();

    process.control.as_ref().unwrap().signal(10).await.unwrap();

    assert_eq!(timeout(LIMIT, process.wait()).await.unwrap().unwrap(), 9);
}

#[tokio::test]
async fn a_command_killed_by_a_signal_exits_128_and_the_signal() {
    let bed = shared();
    let captured = bed.client().exec_captured(&bed.container, &sh("kill -TERM $$"), b"", LIMIT).await.unwrap();
    assert_eq!(captured.status, 143);
}

#[tokio::test]
async fn dropping_control_kills_the_command() {
    let bed = shared();
    let mut process = bed.client().exec(&bed.container, &Exec::new(["sleep", "1000"])).await.unwrap();
    drop(process.control.take());
    assert_eq!(timeout(LIMIT, process.wait()).await.unwrap().unwrap(), 137);
}

#[tokio::test]
async fn dropping_the_process_kills_the_command() {
    let bed = shared();
    let client = bed.client();
    let mut process = client.exec(&bed.container, &sh("echo $$ >/root/dropped; echo; exec sleep 1000")).await.unwrap();
    let mut line = [0];
    timeout(LIMIT, process.stdout.as_mut().unwrap().read_exact(&mut line)).await.unwrap().unwrap();
    let runs = sh("kill -0 $(cat /root/dropped)");
    let running = async || client.exec_detached(&bed.container, &runs, LIMIT).await.unwrap() == 0;
    assert!(running().await);

    drop(process);

    let gone = async { while running().await {} };
    timeout(LIMIT, gone).await.expect("the command outlives its process");
}

#[tokio::test]
async fn a_command_cannot_be_cancelled_by_its_operation() {
    let bed = shared();
    let client = bed.client();
    let process = client.exec(&bed.container, &Exec::new(["sleep", "1000"])).await.unwrap();
    let operations = client.operations().await.unwrap();
    let command = operations.iter().find(|operation| operation.kind() == OperationKind::Executing).unwrap();

    assert!(matches!(command.cancel().await, Err(Error::Refused { .. })));
    drop(process);
}

#[tokio::test]
async fn a_captured_command_that_takes_too_long_is_killed() {
    let bed = shared();
    let begun = Instant::now();
    let limit = Duration::from_millis(300);

    let error = bed.client().exec_captured(&bed.container, &sh("sleep 1000"), b"", limit).await.unwrap_err();

    assert!(matches!(error, Error::TimedOut { still_running: false, .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_detached_command_that_takes_too_long_runs_on() {
    let bed = shared();
    let client = bed.client();
    let limit = Duration::from_millis(300);

    let error =
        client.exec_detached(&bed.container, &sh("echo $$ >/root/late; exec sleep 1000"), limit).await.unwrap_err();

    assert!(matches!(error, Error::TimedOut { still_running: true, .. }), "{error}");
    let end = sh("kill $(cat /root/late)");
    assert_eq!(client.exec_detached(&bed.container, &end, LIMIT).await.unwrap(), 0);
}

#[tokio::test]
async fn input_that_nobody_reads_does_not_hold_the_end_up() {
    let bed = shared();
    let input = vec![b'x'; 8 << 20];
    let captured = bed.client().exec_captured(&bed.container, &sh("exit 3"), &input, LIMIT).await.unwrap();
    assert_eq!(captured.status, 3);
}

#[tokio::test]
async fn output_that_nobody_takes_does_not_hold_the_end_up() {
    let bed = shared();
    let process = bed.client().exec(&bed.container, &sh("head -c 8000000 /dev/zero; exit 3")).await.unwrap();
    assert_eq!(timeout(LIMIT, process.wait()).await.unwrap().unwrap(), 3);
}
