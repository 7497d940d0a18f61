//! Names that lead where no name may: the address that was judged is the one that is dialled.

use std::collections::BTreeSet;

use cci_core::network::{Addresses, HostNames, Special};

use super::hellos::rustls_hello;
use super::world::World;
use crate::egress::{Limits, Refusal};

#[tokio::test]
async fn a_listed_name_that_leads_to_a_special_address_is_refused() {
    for (address, why) in [
        ("10.0.0.1", Special::Private),
        ("192.168.1.1", Special::Private),
        ("169.254.169.254", Special::Metadata),
        ("100.100.100.200", Special::Metadata),
        ("127.0.0.1", Special::Reserved),
        ("::1", Special::Reserved),
        ("::ffff:10.0.0.1", Special::Embedded),
        ("::ffff:198.51.100.1", Special::Embedded),
        ("64:ff9b::a9fe:a9fe", Special::Metadata),
        ("fd00:ec2::254", Special::Metadata),
        ("203.0.113.7", Special::Own),
        ("203.0.113.9", Special::Own),
    ] {
        let own = vec!["203.0.113.7/32".parse().unwrap(), "203.0.113.8/30".parse().unwrap()];
        let world = World::with(&["a.example"], Addresses { own, ..Addresses::default() }, Limits::default());
        world.resolves("a.example", &[&[address]]);
        let answer = world.http("GET / HTTP/1.1\nHost: a.example\n\n").await;
        assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("a.example leads to"), "{answer}");
        assert!(!answer.contains(address), "where is nobody's business in the container: {answer}");
        assert_eq!(world.say(443, &rustls_hello("a.example", &[])).await, [21, 3, 3, 0, 2, 2, 49], "{address}");
        assert!(
            world.refused().iter().all(|refusal| matches!(refusal, Refusal::Special { why: is, .. } if *is == why))
        );
        assert_eq!(world.dialled(), [""; 0], "{address}");
    }
}

#[tokio::test]
async fn where_private_addresses_are_allowed_the_same_name_leads_there() {
    let addresses = Addresses { private: true, metadata: true, ..Addresses::default() };
    let world = World::with(&["a.example"], addresses, Limits::default());
    world.resolves("a.example", &[&["10.0.0.1"], &["169.254.169.254"]]);
    for _ in 0..2 {
        assert!(world.http("GET / HTTP/1.1\nHost: a.example\n\n").await.contains("200 OK"));
    }
    assert_eq!(world.dialled(), ["10.0.0.1:80", "169.254.169.254:80"]);
}

#[tokio::test]
async fn a_name_that_moves_to_a_private_address_is_judged_by_where_it_is_now() {
    let world = World::new(&["a.example"]);
    world.resolves("a.example", &[&["198.51.100.1"], &["10.0.0.1"], &["198.51.100.1"]]);
    let request = "GET / HTTP/1.1\nHost: a.example\nConnection: close\n\n";
    for status in ["200", "403", "200"] {
        assert!(world.http(request).await.starts_with(&format!("HTTP/1.1 {status} ")));
    }
    assert_eq!(world.dialled(), ["198.51.100.1:80"; 2]);
}

#[tokio::test]
async fn of_several_addresses_only_those_that_passed_are_dialled() {
    let world = World::new(&["a.example"]);
    world.resolves("a.example", &[&["10.0.0.1", "198.51.100.9", "169.254.169.254", "::ffff:10.0.0.1"]]);
    assert!(world.http("GET / HTTP/1.1\nHost: a.example\n\n").await.contains("200 OK"));
    assert_eq!(world.dialled(), ["198.51.100.9:80"]);
}

#[tokio::test]
async fn a_service_is_dialled_where_it_is_and_nowhere_else() {
    let world = World::new(&["a.example", "b.example"]);
    world.serves(&["a.example@10.0.0.1:80"]);
    world.resolves("b.example", &[&["10.0.0.1"]]);
    let asked = "GET / HTTP/1.1\nHost: a.example\n\nGET / HTTP/1.1\nHost: a.example\nConnection: close\n\n";
    assert_eq!(world.http(asked).await.matches("200 OK").count(), 2, "a kept connection is one to it too");
    assert!(world.http("GET / HTTP/1.1\nHost: b.example\n\n").await.starts_with("HTTP/1.1 403 "));
    assert_eq!(world.dialled(), ["10.0.0.1:80"]);
    // on another port the name leads where it always did
    let _ = world.say(443, &rustls_hello("a.example", &[])).await;
    assert_eq!(world.dialled(), ["10.0.0.1:80", "198.51.100.1:443"]);
}

#[tokio::test]
async fn where_the_local_network_is_withheld_its_names_are_as_those_that_there_are_not() {
    let host = HostNames {
        search: BTreeSet::from(["corp.example".to_owned()]),
        own: BTreeSet::from(["pinned.example".to_owned()]),
        ..HostNames::default()
    };
    let world = World::new(&[]);
    world.learns(host);
    for name in ["wiki.corp.example", "pinned.example", "printer.local", "nas"] {
        world.resolves(name, &[&["198.51.100.9"]]);
    }
    world.resolves("split.example", &[&["10.0.0.1"]]);
    world.resolves("public.example", &[&["198.51.100.1"]]);
    let answer =
        async |name: &str| world.http(&format!("GET / HTTP/1.1\nHost: {name}\n\n")).await.replace(name, "NAME");
    let unknown = answer("unknown.example").await;
    assert!(unknown.starts_with("HTTP/1.1 502 ") && unknown.contains("NAME has no address"), "{unknown}");
    let alert = world.say(443, &rustls_hello("unknown.example", &[])).await;
    for name in ["wiki.corp.example", "pinned.example", "printer.local", "nas", "split.example"] {
        let heard = answer(name).await;
        let length = |text: &str| text.lines().filter(|line| !line.starts_with("Content-Length")).collect::<String>();
        assert_eq!(length(&heard), length(&unknown), "{name}");
        assert_eq!(world.say(443, &rustls_hello(name, &[])).await, alert, "{name}");
    }
    assert_eq!(world.dialled(), [""; 0]);
    // the record says where it led: it is the person's
    let led = |refusal: &Refusal| matches!(refusal, Refusal::Special { name, .. } if name.as_str() == "split.example");
    assert_eq!(world.refused().iter().filter(|refusal| led(refusal)).count(), 2);
    assert!(answer("public.example").await.contains("200 OK"));
}
