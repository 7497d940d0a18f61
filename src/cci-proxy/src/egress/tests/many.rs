//! Many names, containers and requests at once, and policies that change meanwhile.

use std::time::Duration;

use cci_core::network::Addresses;
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

use super::hellos::rustls_hello;
use super::world::{World, until};
use crate::egress::{Limits, Pipes};

#[tokio::test(start_paused = true)]
async fn a_policy_that_changes_under_load_drops_no_allowed_request() {
    let world = World::new(&["a.example"]);
    let asking = (0..20).map(|number: u64| {
        let world = &world;
        async move {
            let mut stream = world.connect(80);
            for request in 0..50 {
                let head = format!("GET /{number}/{request} HTTP/1.1\r\nHost: a.example\r\n\r\n");
                stream.write_all(head.as_bytes()).await.unwrap();
                let answer = until(&mut stream, &format!("GET /{number}/{request} HTTP/1.1")).await;
                assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
                sleep(Duration::from_millis(number % 3)).await;
            }
        }
    });
    let changing = async {
        for change in 0..200 {
            world.allow(if change % 2 == 0 { &["b.example", "a.example:80"] } else { &["*.example.com", "a.example"] });
            sleep(Duration::from_millis(1)).await;
        }
        // the control: what takes the name out of the list is seen at once
        assert!(world.http("GET / HTTP/1.1\nHost: b.example\n\n").await.starts_with("HTTP/1.1 403 "));
        world.allow(&["b.example", "a.example"]);
        assert!(world.http("GET / HTTP/1.1\nHost: b.example\n\n").await.starts_with("HTTP/1.1 200 "));
    };
    tokio::join!(futures_util::future::join_all(asking), changing);
}

#[tokio::test]
async fn a_thousand_names_and_ten_containers_with_four_policies_are_told_apart() {
    let name = |policy: usize, number: usize| format!("n{number}.p{policy}.example.com");
    let policies: Vec<Vec<String>> =
        (0..4).map(|policy| (0..1000).map(|number| name(policy, number)).collect()).collect();
    let worlds: Vec<World> = (0..10)
        .map(|container: usize| {
            let world = World::new(&policies[container % 4].iter().map(String::as_str).collect::<Vec<_>>());
            for policy in 0..4 {
                world.resolves(&name(policy, 999), &[&["198.51.100.9"]]);
            }
            world
        })
        .collect();
    for (container, world) in worlds.iter().enumerate() {
        for policy in 0..4 {
            let (host, is_own) = (name(policy, 999), policy == container % 4);
            let answer = world.http(&format!("GET / HTTP/1.1\nHost: {host}\n\n")).await;
            let status = if is_own { "HTTP/1.1 200 " } else { "HTTP/1.1 403 " };
            assert!(answer.starts_with(status), "container {container}, {host}: {answer}");
            let answer = world.say(443, &rustls_hello(&host, &[])).await;
            assert_eq!(answer == b"hello", is_own, "container {container}, {host}");
        }
        assert_eq!(world.dialled().len(), 2);
    }
}

#[tokio::test]
async fn a_hundred_thousand_connections_leave_room_for_those_that_are_served() {
    let world = World::with(&["a.example"], Addresses::default(), Limits::new(50, 9, &Pipes::default()));
    let mut served = world.connect(80);
    let request = b"GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n";
    served.write_all(request).await.unwrap();
    until(&mut served, "GET /1 HTTP/1.1").await;
    let mut held = Vec::new();
    for number in 0..100_000 {
        let stream = world.connect(443);
        if number < 200 {
            held.push(stream);
        }
        tokio::task::yield_now().await;
    }
    served.write_all(request).await.unwrap();
    until(&mut served, "GET /1 HTTP/1.1").await;
    assert_eq!(world.http("GET / HTTP/1.1\nHost: a.example\n\n").await, "", "the control: all places are taken");
    drop(held);
    let has_room = async { while !world.http("GET / HTTP/1.1\nHost: a.example\n\n").await.contains("200 OK") {} };
    tokio::time::timeout(Duration::from_secs(60), has_room).await.expect("those that end make room");
}

#[tokio::test(start_paused = true)]
async fn events_come_one_by_one_for_ten_minutes() {
    let world = World::new(&["a.example"]);
    let mut stream = world.connect(80);
    stream.write_all(b"GET /events HTTP/1.1\r\nHost: a.example\r\n\r\n").await.unwrap();
    let answer = until(&mut stream, "\r\n\r\n").await;
    assert!(answer.contains("text/event-stream"), "{answer}");
    for event in 0..20 {
        let came = until(&mut stream, &format!("data: {event}\n\n\r\n")).await;
        assert!(came.starts_with("9\r\n") || came.starts_with("a\r\n"), "{came:?}");
        sleep(Duration::from_secs(30)).await;
    }
}
