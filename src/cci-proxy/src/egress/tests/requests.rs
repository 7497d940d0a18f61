//! Requests of HTTP/1: each is judged by the host that it names.

use tokio::io::AsyncWriteExt;

use super::world::{World, until};
use crate::egress::{Note, Refusal};

#[tokio::test]
async fn a_listed_host_is_reached_and_a_refusal_says_what_to_type() {
    let world = World::new(&["a.example:80", "b.example:443"]);
    let answer = world.http("GET /x HTTP/1.1\nHost: a.example\n\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("GET /x HTTP/1.1"), "{answer}");

    let refusal = world.http("GET / HTTP/1.1\nHost: c.example\n\n").await;
    assert!(refusal.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{refusal}");
    assert!(refusal.contains("no rule allows c.example:80"), "{refusal}");
    assert!(refusal.contains("\n    cci network why c.example:80 --from cci-0a-1\n"), "{refusal}");
    assert!(refusal.contains("\n    cci config edit\n"), "{refusal}");

    let refusal = world.http("GET / HTTP/1.1\nHost: b.example\n\n").await;
    assert!(refusal.contains("the rule b.example:443 does not allow b.example:80"), "{refusal}");
    assert_eq!(world.dialled(), ["198.51.100.1:80"]);
}

#[tokio::test]
async fn every_request_of_a_kept_connection_is_judged_anew() {
    let world = World::new(&["a.example"]);
    let mut stream = world.connect(80);
    let ask = async |stream: &mut tokio::io::DuplexStream, host: &str, path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
    };
    ask(&mut stream, "a.example", "/1").await;
    until(&mut stream, "GET /1 HTTP/1.1").await;
    ask(&mut stream, "b.example", "/2").await;
    let refusal = until(&mut stream, "nothing in the container can.\n").await;
    assert!(refusal.starts_with("HTTP/1.1 403 "), "{refusal}");
    ask(&mut stream, "a.example", "/3").await;
    until(&mut stream, "GET /3 HTTP/1.1").await;
    assert_eq!(world.dialled(), ["198.51.100.1:80"], "one connection, and never one to the other host");

    // where it is allowed it goes to a server of its own, not to that of the request before
    world.allow(&["a.example", "b.example"]);
    ask(&mut stream, "b.example", "/4").await;
    until(&mut stream, "GET /4 HTTP/1.1").await;
    assert_eq!(world.dialled(), ["198.51.100.1:80", "198.51.100.2:80"]);
}

#[tokio::test]
async fn a_changed_policy_is_in_force_for_the_next_request() {
    let world = World::new(&["a.example"]);
    let mut stream = world.connect(80);
    let request = b"GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n";
    stream.write_all(request).await.unwrap();
    until(&mut stream, "GET /1 HTTP/1.1").await;
    world.allow(&[]);
    stream.write_all(request).await.unwrap();
    until(&mut stream, "nothing in the container can.\n").await;
    world.allow(&["*.example.com", "a.example"]);
    stream.write_all(request).await.unwrap();
    until(&mut stream, "GET /1 HTTP/1.1").await;
}

#[tokio::test]
async fn a_url_as_target_is_judged_by_its_host_and_must_agree_with_the_header() {
    let world = World::new(&["a.example"]);
    let answer = world.http("GET http://a.example/x HTTP/1.1\nHost: a.example\n\n").await;
    assert!(answer.ends_with("GET /x HTTP/1.1"), "{answer}");
    let refusal = world.http("GET http://b.example/ HTTP/1.1\nHost: b.example\n\n").await;
    assert!(refusal.starts_with("HTTP/1.1 403 "), "{refusal}");
    for differing in
        ["GET http://a.example/ HTTP/1.1\nHost: b.example\n\n", "GET http://b.example/ HTTP/1.1\nHost: a.example\n\n"]
    {
        let refusal = world.http(differing).await;
        assert!(refusal.starts_with("HTTP/1.1 421 "), "{refusal}");
    }
    assert_eq!(world.dialled(), ["198.51.100.1:80"]);
}

#[tokio::test]
async fn no_host_and_an_address_as_host_are_refused() {
    let world = World::new(&["a.example", "198.51.100.1"]);
    assert!(world.http("GET / HTTP/1.1\nHost: a.example\n\n").await.starts_with("HTTP/1.1 200 "));
    assert!(world.http("GET / HTTP/1.1\n\n").await.starts_with("HTTP/1.1 400 "));
    for address in ["198.51.100.1", "127.0.0.1", "[::1]", "2130706433"] {
        let refusal = world.http(&format!("GET / HTTP/1.1\nHost: {address}\n\n")).await;
        assert!(refusal.starts_with("HTTP/1.1 403 "), "{refusal}");
    }
    assert_eq!(world.dialled().len(), 1);
}

#[tokio::test]
async fn bodies_go_both_ways_with_what_comes_between() {
    let world = World::new(&["a.example"]);
    let answer = world.http("POST /1 HTTP/1.1\nHost: a.example\nContent-Length: 5\n\nhello").await;
    assert!(answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"), "{answer}");
    let answer = world.http("POST /2 HTTP/1.1\nHost: a.example\nTransfer-Encoding: chunked\n\n3\nabc\n0\n\n").await;
    assert!(answer.ends_with("POST /2 HTTP/1.1"), "{answer}");
    let sent =
        |note: &Note| if let Note::Closed { sent, received, .. } = note { Some((*sent, *received)) } else { None };
    assert_eq!(world.notes().iter().filter_map(sent).collect::<Vec<_>>(), [(5, 16), (3, 16)]);
}

#[tokio::test]
async fn a_host_without_an_address_is_a_bad_gateway() {
    let world = World::new(&["a.example", "g.example"]);
    let refusal = world.http("GET / HTTP/1.1\nHost: g.example\n\n").await;
    assert!(refusal.starts_with("HTTP/1.1 502 ") && refusal.contains("g.example has no address"), "{refusal}");
    assert!(matches!(&world.refused()[..], [Refusal::NotFound { .. }]));
}

#[tokio::test]
async fn a_server_that_goes_away_is_told_of_unless_it_was_kept_and_the_client_tries_again() {
    let world = World::new(&["a.example"]);
    let request = |path: &str| format!("GET {path} HTTP/1.1\nHost: a.example\n\n");
    let refusal = world.http(&request("/gone")).await;
    assert!(refusal.starts_with("HTTP/1.1 502 ") && refusal.contains("a.example:80 does not answer"), "{refusal}");
    let answers = world.http(&(request("/1") + &request("/gone") + &request("/2"))).await;
    assert!(answers.starts_with("HTTP/1.1 200 ") && answers.ends_with("GET /1 HTTP/1.1"), "{answers}");
}
