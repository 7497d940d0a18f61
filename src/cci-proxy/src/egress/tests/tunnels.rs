//! `CONNECT`: a tunnel leads to the host and the port that it was opened for.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::hellos::rustls_hello;
use super::world::{World, until};
use crate::egress::Refusal;

const READY: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

async fn tunnel(world: &World, to: &str) -> DuplexStream {
    let mut stream = world.connect(80);
    stream.write_all(format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n").as_bytes()).await.unwrap();
    stream
}

async fn rest(mut stream: DuplexStream) -> Vec<u8> {
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    rest
}

#[tokio::test]
async fn a_tunnel_is_for_the_name_that_its_tls_is_for() {
    let world = World::new(&["a.example:443", "b.example:443"]);
    let mut stream = tunnel(&world, "a.example:443").await;
    until(&mut stream, READY).await;
    let hello = rustls_hello("a.example", &[]);
    stream.write_all(&hello).await.unwrap();
    assert_eq!(rest(stream).await, b"hello");
    assert_eq!(world.arrived(), hello);

    let mut stream = tunnel(&world, "a.example:443").await;
    until(&mut stream, READY).await;
    stream.write_all(&rustls_hello("b.example", &[])).await.unwrap();
    assert_eq!(rest(stream).await, [21, 3, 3, 0, 2, 2, 112]);
    assert_eq!(world.dialled(), ["198.51.100.1:443"]);
    assert!(matches!(&world.refused()[..], [Refusal::OtherName { .. }]));
}

#[tokio::test]
async fn a_tunnel_to_a_port_that_is_not_listed_is_refused() {
    let world = World::new(&["a.example:443"]);
    for to in ["a.example:22", "a.example:80", "b.example:443"] {
        let answer = String::from_utf8(rest(tunnel(&world, to).await).await).unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 403 ") && answer.contains(&format!("why {to} --from cci-0a-1\n")),
            "{answer}"
        );
    }
    assert_eq!(world.dialled(), [""; 0]);

    world.allow(&["a.example:22"]);
    let mut stream = tunnel(&world, "a.example:22").await;
    until(&mut stream, &format!("{READY}hello")).await;
    stream.write_all(b"SSH-2.0-x\r\n").await.unwrap();
    assert_eq!(rest(stream).await, b"");
    assert_eq!(world.arrived(), b"SSH-2.0-x\r\n");
    assert_eq!(world.dialled(), ["198.51.100.1:22"]);
}

#[tokio::test]
async fn http_in_a_tunnel_is_for_its_name_and_no_further_tunnel() {
    let world = World::new(&["a.example:80", "b.example:80"]);
    let request = |head: &str| format!("{head}\r\n\r\n").into_bytes();
    for (head, status) in [
        ("GET / HTTP/1.1\r\nHost: a.example", "200"),
        ("GET / HTTP/1.1\r\nHost: b.example", "421"),
        ("GET http://b.example/ HTTP/1.1\r\nHost: b.example", "421"),
        ("GET / HTTP/1.1\r\nHost: a.example:81", "400"),
        ("CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80", "400"),
    ] {
        let mut stream = tunnel(&world, "a.example:80").await;
        until(&mut stream, READY).await;
        stream.write_all(&request(head)).await.unwrap();
        let answer = String::from_utf8(rest(stream).await).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {answer}");
    }
    assert_eq!(world.dialled(), ["198.51.100.1:80"]);
}

#[tokio::test]
async fn what_is_neither_tls_nor_http_does_not_go_through_a_tunnel_on_their_ports() {
    let world = World::new(&["a.example"]);
    let mut stream = tunnel(&world, "a.example:443").await;
    until(&mut stream, READY).await;
    stream.write_all(b"SSH-2.0-x\r\n\r\n").await.unwrap();
    assert!(rest(stream).await.starts_with(b"HTTP/1.1 400 "));
    assert_eq!(world.dialled(), [""; 0]);
}
