//! Upgrades: after the answer that agrees, bytes go through as they are.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::world::{World, until};

fn upgrade(host: &str, to: &str) -> Vec<u8> {
    format!("GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: {to}\r\n\r\n").into_bytes()
}

#[tokio::test(start_paused = true)]
async fn a_websocket_goes_through_and_may_be_silent_for_an_hour() {
    let world = World::new(&["a.example"]);
    let mut stream = world.connect(80);
    stream.write_all(&upgrade("a.example", "websocket")).await.unwrap();
    let answer = until(&mut stream, "hello").await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    tokio::time::sleep(Duration::from_secs(3700)).await;
    stream.write_all(b"\x81\x05frame").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(world.arrived().ends_with(b"\x81\x05frame"));
}

#[tokio::test]
async fn a_websocket_to_an_unlisted_host_is_refused() {
    let world = World::new(&["a.example"]);
    let mut stream = world.connect(80);
    stream.write_all(&upgrade("b.example", "websocket")).await.unwrap();
    let answer = until(&mut stream, "nothing in the container can.\n").await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert_eq!(world.dialled(), [""; 0]);
}

#[tokio::test]
async fn http2_in_the_clear_is_not_gone_over_to() {
    let world = World::new(&["a.example"]);
    let mut stream = world.connect(80);
    stream.write_all(&upgrade("a.example", "h2c")).await.unwrap();
    let answer = until(&mut stream, "GET /ws HTTP/1.1").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "an answer of HTTP/1: {answer}");
    assert!(!String::from_utf8_lossy(&world.arrived()).contains("h2c"));
}
