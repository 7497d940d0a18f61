//! Connections of TLS: the name in the hello decides.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::hellos::{extension, fragmented, hello, hidden, rustls_hello, server_name};
use super::world::World;
use crate::egress::{Note, Refusal};

const ACCESS_DENIED: [u8; 7] = [21, 3, 3, 0, 2, 2, 49];
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

#[tokio::test]
async fn a_listed_name_gets_every_byte_through_and_another_an_alert() {
    let world = World::new(&["a.example:443"]);
    let hello = [rustls_hello("a.example", &["h2"]), b"and whatever follows".to_vec()].concat();
    assert_eq!(world.say(443, &hello).await, b"hello");
    assert_eq!(world.arrived(), hello);
    assert_eq!(world.dialled(), ["198.51.100.1:443"]);
    assert!(matches!(&world.notes()[0], Note::Opened { rule, .. } if rule == "a.example:443"));
    assert!(matches!(world.notes()[1], Note::Closed { sent, received: 5, .. } if sent == hello.len() as u64));

    assert_eq!(world.say(443, &rustls_hello("b.example", &[])).await, ACCESS_DENIED);
    assert_eq!(world.dialled().len(), 1, "nobody was dialled");
    assert!(matches!(&world.refused()[..], [Refusal::NotListed { port: 443, .. }]));
}

#[tokio::test]
async fn no_name_is_no_way_out() {
    let world = World::new(&["a.example"]);
    assert_eq!(world.say(443, &hello(&[server_name(b"a.example")])).await, b"hello");
    assert_eq!(world.say(443, &hello(&[])).await, UNRECOGNIZED_NAME);
    assert_eq!(world.dialled().len(), 1);
    assert_eq!(world.refused(), [Refusal::NoName]);
}

#[tokio::test]
async fn a_hidden_name_is_refused_although_the_one_in_the_open_is_listed() {
    let world = World::new(&["a.example"]);
    let open = || server_name(b"a.example");
    assert_eq!(world.say(443, &hello(&[open(), extension(0xfe0e, &[0])])).await, b"hello");
    assert_eq!(world.say(443, &hello(&[open(), hidden()])).await, ACCESS_DENIED);
    assert_eq!(world.refused(), [Refusal::Hidden]);
}

#[tokio::test]
async fn a_hello_in_single_bytes_and_over_records_is_judged_like_any_other() {
    let world = World::new(&["a.example"]);
    for size in [1, 2, 40] {
        let listed = fragmented(&hello(&[server_name(b"a.example")]), size);
        let before = world.arrived().len();
        assert_eq!(world.say(443, &listed).await, b"hello");
        assert_eq!(world.arrived()[before..], listed);
        let other = fragmented(&hello(&[server_name(b"b.example")]), size);
        assert_eq!(world.say(443, &other).await, ACCESS_DENIED);
    }
    assert_eq!(world.dialled(), ["198.51.100.1:443"; 3]);

    for (name, answer) in [("a.example", &b"hello"[..]), ("b.example", &ACCESS_DENIED)] {
        let mut stream = world.connect(443);
        for byte in rustls_hello(name, &[]) {
            stream.write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        stream.shutdown().await.unwrap();
        let mut got = Vec::new();
        stream.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, answer, "{name}");
    }
}

#[tokio::test]
async fn tls_on_the_port_of_http_is_judged_by_its_hello_too() {
    let world = World::new(&["a.example:443"]);
    assert_eq!(world.say(80, &rustls_hello("a.example", &[])).await, ACCESS_DENIED);
    assert!(matches!(&world.refused()[..], [Refusal::OtherPort { port: 80, .. }]));
}

#[tokio::test]
async fn what_is_neither_tls_nor_http_is_refused() {
    let world = World::new(&["a.example"]);
    for bytes in [
        &b"SSH-2.0-OpenSSH_9.2\r\n\r\n"[..],
        b"\x80\x2e\x01\x03\x01",
        b"\0\0\0\0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let answer = world.say(443, bytes).await;
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400 "), "{}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(world.dialled(), [""; 0]);
}
