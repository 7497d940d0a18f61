//! Work in the daemon: its end, its deadline, its progress.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use cci_incus::{Error, Exec, NewInstance, OperationKind, Source, StateChange};

use crate::support::{Bed, LIMIT, Requests, shared};

/// The one operation that runs a command in this bed.
async fn command(client: &cci_incus::Client) -> cci_incus::Operation {
    let operations = client.operations().await.unwrap();
    operations.into_iter().find(|operation| operation.kind() == OperationKind::Executing).unwrap()
}

#[tokio::test]
async fn a_failed_operation_is_an_error_though_its_wait_arrives_under_200() {
    let bed = Bed::new();
    let client = bed.client();
    let (requests, _guard) = Requests::listen();

    // it runs already
    let start = client.change_state(&bed.container, &StateChange::start()).await.unwrap();
    let error = start.wait("the start", LIMIT).await.unwrap_err();

    assert!(matches!(&error, Error::Operation { step, .. } if step == "the start"), "{error:?}");
    let requests = requests.so_far();
    assert!(requests.last().unwrap().ends_with("/wait 200"), "{requests:?}");
}

#[tokio::test]
async fn a_deadline_is_ours_because_the_servers_own_is_an_error() {
    let bed = Bed::new();
    let client = bed.client();
    let process = client.exec(&bed.container, &Exec::new(["sleep", "1000"])).await.unwrap();
    let operation = command(&client).await;

    let begun = Instant::now();
    let error = operation.wait("the sleep", Duration::from_millis(300)).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { still_running: true, .. }), "{error:?}");
    assert!(begun.elapsed() >= Duration::from_millis(300) && begun.elapsed() < Duration::from_secs(3));

    // what 6.0.4 answers to a timeout of its own, seen here so that a better release shows itself
    let body = raw_get(&format!("/1.0/operations/{}/wait?timeout=0&project={}", operation.id(), client.project()));
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert!(answer["error_code"] == 500 || answer["metadata"]["status_code"] == 103, "{body}");
    drop(process);
}

/// A call that the client never makes.
fn raw_get(target: &str) -> String {
    let mut socket = UnixStream::connect("/var/lib/incus/unix.socket").unwrap();
    write!(socket, "GET {target} HTTP/1.0\r\nHost: incus\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[tokio::test]
async fn an_operation_that_incus_has_forgotten_is_not_found() {
    let bed = shared();
    let client = bed.client();
    let error = client.operation("00000000-0000-0000-0000-000000000000").await.unwrap_err();
    assert!(error.is_not_found(), "{error:?}");
}

#[tokio::test]
async fn a_wait_after_the_end_still_tells_it() {
    let bed = shared();
    let client = bed.client();
    let new = NewInstance::new(bed.name("gone"), Source::Empty);
    let create = client.create_instance(&new).await.unwrap();
    create.wait("the create", LIMIT).await.unwrap();
    create.wait("the create, again", LIMIT).await.unwrap();
    assert!(create.resources().contains_key("instances"), "{:?}", create.resources());
    client.delete_instance(&new.name).await.unwrap().wait("the delete", LIMIT).await.unwrap();
}

#[tokio::test]
async fn a_wait_can_be_dropped_and_taken_up_again() {
    let bed = Bed::new();
    let client = bed.client();
    let kill = client.change_state(&bed.container, &StateChange::kill()).await.unwrap();
    let dropped = tokio::time::timeout(Duration::from_millis(10), kill.wait("the stop", LIMIT)).await;
    assert!(dropped.is_err(), "the stop was too quick to be dropped");
    kill.wait("the stop", LIMIT).await.unwrap();
}
