//! Slow ones, silent ones and very many: none holds up the others, and no stream is cut.

use std::time::Duration;

use cci_core::network::Addresses;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, sleep};

use super::hellos::rustls_hello;
use super::world::{World, until};
use crate::egress::{Limits, Pipes, Refusal};

const REQUEST: &[u8] = b"GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n";

/// Sends one byte in a while, as long as somebody takes it; when it was no longer taken, and what came.
async fn trickle(mut stream: DuplexStream, bytes: &[u8], pause: Duration) -> (Duration, Vec<u8>) {
    let since = Instant::now();
    for byte in bytes {
        if stream.write_all(&[*byte]).await.is_err() {
            break;
        }
        sleep(pause).await;
    }
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    (since.elapsed(), answer)
}

#[tokio::test(start_paused = true)]
async fn a_head_that_trickles_is_given_up() {
    let world = World::new(&["a.example"]);
    let (_, quick) = trickle(world.connect(80), REQUEST, Duration::from_millis(100)).await;
    assert!(quick.ends_with(b"GET /1 HTTP/1.1"));
    let (took, slow) = trickle(world.connect(80), REQUEST, Duration::from_secs(5)).await;
    assert!(slow.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&slow));
    assert!(took < Duration::from_secs(30), "{took:?}");
    assert_eq!(world.refused(), [Refusal::TooSlow]);
}

#[tokio::test(start_paused = true)]
async fn a_hello_that_trickles_is_given_up() {
    let world = World::new(&["a.example"]);
    let hello = rustls_hello("a.example", &[]);
    let (_, quick) = trickle(world.connect(443), &hello, Duration::from_millis(10)).await;
    assert_eq!(quick, b"hello");
    let (took, slow) = trickle(world.connect(443), &hello, Duration::from_secs(5)).await;
    assert_eq!(slow, b"");
    assert!(took < Duration::from_secs(30), "{took:?}");
    assert_eq!(world.refused(), [Refusal::TooSlow]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_is_given_up_after_a_while() {
    let world = World::new(&["a.example"]);
    let mut silent = world.connect(443);
    let since = Instant::now();
    assert_eq!(silent.read(&mut [0; 9]).await.unwrap(), 0);
    assert!(since.elapsed() <= Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn a_head_without_an_end_is_bounded() {
    let world = World::new(&["a.example"]);
    let long = format!("GET / HTTP/1.1\nHost: a.example\n{}\n", "X: 0123456789\n".repeat(100));
    assert!(world.http(&long).await.contains("200 OK"));
    let longer = format!("GET / HTTP/1.1\nHost: a.example\nX: {}\n\n", "x".repeat(70_000));
    assert!(world.http(&longer).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test(start_paused = true)]
async fn a_kept_connection_and_a_stream_may_be_silent_for_an_hour() {
    let world = World::new(&["a.example"]);
    let mut kept = world.connect(80);
    let mut stream = world.connect(443);
    stream.write_all(&rustls_hello("a.example", &[])).await.unwrap();
    until(&mut stream, "hello").await;
    for _ in 0..2 {
        kept.write_all(REQUEST).await.unwrap();
        until(&mut kept, "GET /1 HTTP/1.1").await;
        stream.write_all(b"x").await.unwrap();
        sleep(Duration::from_secs(3700)).await;
    }
    let before = world.arrived().len();
    stream.write_all(b"still here").await.unwrap();
    kept.write_all(REQUEST).await.unwrap();
    until(&mut kept, "GET /1 HTTP/1.1").await;
    assert!(memchr::memmem::find(&world.arrived()[before..], b"still here").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_container_has_so_many_connections_and_no_more() {
    let world = World::with(&["a.example"], Addresses::default(), Limits::new(2, 9, &Pipes::default()));
    let mut held = [world.connect(80), world.connect(80)];
    for stream in &mut held {
        stream.write_all(REQUEST).await.unwrap();
        until(stream, "GET /1 HTTP/1.1").await;
    }
    for _ in 0..1000 {
        assert_eq!(world.http("GET / HTTP/1.1\nHost: a.example\n\n").await, "");
    }
    assert_eq!(world.refused(), vec![Refusal::Busy; 1000]);
    // those that there are go on, and one that ends makes room
    let [mut first, second] = held;
    first.write_all(REQUEST).await.unwrap();
    until(&mut first, "GET /1 HTTP/1.1").await;
    drop(second);
    sleep(Duration::from_secs(1)).await;
    assert!(world.http("GET / HTTP/1.1\nHost: a.example\n\n").await.contains("200 OK"));
}

#[tokio::test(start_paused = true)]
async fn slow_heads_hold_up_others_no_longer_than_they_may_take_themselves() {
    let world = World::with(&["a.example"], Addresses::default(), Limits::new(99, 1, &Pipes::default()));
    let slow = trickle(world.connect(80), REQUEST, Duration::from_secs(5));
    let quick = async {
        sleep(Duration::from_secs(1)).await;
        let since = Instant::now();
        let answer = world.http("GET /quick HTTP/1.1\nHost: a.example\n\n").await;
        (since.elapsed(), answer)
    };
    let (_, (took, answer)) = tokio::join!(slow, quick);
    assert!(answer.ends_with("GET /quick HTTP/1.1"), "{answer}");
    assert!(took <= Duration::from_secs(15), "{took:?}");
}
