//! The way out through a proxy of the host's: what no rule allows never gets to it, and its password never comes back.

use cci_core::network::{Addresses, HostName, ProxyVariables, Upstreams};

use super::hellos::rustls_hello;
use super::world::World;
use crate::egress::{Limits, Note, Peer, Refusal};

fn through(proxy: &str, except: &str, entries: &[&str]) -> World {
    let variables = ProxyVariables { except: except.into(), ..ProxyVariables::always(proxy) };
    World::through(Upstreams::read(&variables).unwrap(), entries, Addresses::default(), Limits::default())
}

const HTTP: &str = "http://u:p@192.0.2.1:3128";
const SOCKS: &str = "socks5h://u:p@192.0.2.1:1080";

fn get(host: &str) -> String {
    format!("GET / HTTP/1.1\nHost: {host}\nConnection: close\n\n")
}

#[tokio::test]
async fn a_listed_name_goes_through_the_proxy_which_is_asked_for_the_name() {
    for (proxy, says) in [(HTTP, "CONNECT a.example:443 HTTP/1.1"), (SOCKS, "socks a.example 443")] {
        let world = through(proxy, "", &["a.example", "only-there.example"]);
        let answer = world.http(&get("a.example")).await;
        assert!(answer.contains("200 OK") && !answer.contains("established"), "{answer}");
        assert_eq!(world.say(443, &rustls_hello("a.example", &[])).await, b"hello");
        let arrived = String::from_utf8_lossy(&world.arrived()).into_owned();
        assert!(arrived.contains(says), "{arrived}");
        assert!(world.dialled().iter().all(|address| address.starts_with("192.0.2.1:")), "{:?}", world.dialled());
        let is_proxied = |note: &Note| matches!(note, Note::Opened { address: Peer::Proxy(80 | 443), .. });
        assert_eq!(world.notes().iter().filter(|note| is_proxied(note)).count(), 2);
        // one that this host does not know
        assert!(world.http(&get("only-there.example")).await.contains("200 OK"));
    }
}

#[tokio::test]
async fn what_no_rule_allows_never_gets_to_the_proxy() {
    for proxy in [HTTP, SOCKS] {
        let world = through(proxy, "", &["a.example", "near.example"]);
        world.resolves("near.example", &[&["10.0.0.1"], &["198.51.100.9", "169.254.169.254"]]);
        assert!(world.http(&get("b.example")).await.starts_with("HTTP/1.1 403 "));
        assert_eq!(world.say(443, &rustls_hello("b.example", &[])).await, [21, 3, 3, 0, 2, 2, 49]);
        for _ in 0..2 {
            assert!(
                world.http(&get("near.example")).await.contains("no rule about a name can allow")
                    || world.refused().iter().any(|refusal| matches!(refusal, Refusal::Special { .. }))
            );
        }
        assert_eq!(world.dialled(), [""; 0]);
    }
}

#[tokio::test]
async fn with_addresses_of_this_host_the_proxy_is_asked_for_one_that_passed() {
    let world = through("socks5://u:p@192.0.2.1:1080", "", &["a.example", "near.example", "unknown.example"]);
    world.resolves("a.example", &[&["10.0.0.1", "198.51.100.1"]]);
    world.resolves("near.example", &[&["10.0.0.1"]]);
    assert!(world.http(&get("a.example")).await.contains("200 OK"));
    assert!(String::from_utf8_lossy(&world.arrived()).starts_with("socks [198, 51, 100, 1] 80\r\n"));
    assert!(world.http(&get("near.example")).await.starts_with("HTTP/1.1 403 "));
    assert!(world.http(&get("unknown.example")).await.starts_with("HTTP/1.1 502 "));
    assert_eq!(world.dialled(), ["192.0.2.1:1080"]);
}

#[tokio::test]
async fn what_needs_no_proxy_goes_out_directly() {
    let world = through(HTTP, "a.example", &["a.example", "sub.a.example", "db.lan"]);
    world.serves(&["db.lan@10.0.0.1:80"]);
    world.resolves("sub.a.example", &[&["198.51.100.8"]]);
    for host in ["a.example", "sub.a.example", "db.lan"] {
        assert!(world.http(&get(host)).await.contains("200 OK"), "{host}");
    }
    assert_eq!(world.dialled(), ["198.51.100.1:80", "198.51.100.8:80", "10.0.0.1:80"]);
}

#[tokio::test]
async fn a_proxy_that_refuses_or_is_not_there_is_said_so_without_its_password() {
    for (proxy, host, says) in [
        (HTTP, "unknown.example", "refuses unknown.example:80 (503)"),
        (SOCKS, "unknown.example", "refuses unknown.example:80 (4)"),
        ("http://u:wrongpass@192.0.2.1:3128", "a.example", "refuses a.example:80 (407)"),
        ("http://192.0.2.1:3128", "a.example", "refuses a.example:80 (407)"),
        (HTTP, "gone.example", "goes out through does not answer"),
        ("http://u:p@nowhere.example:3128", "a.example", "goes out through does not answer"),
    ] {
        let world = through(proxy, "", &[host]);
        let answer = world.http(&get(host)).await;
        assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains(says), "{answer}");
        assert!(!answer.contains("wrongpass") && !answer.contains("192.0.2.1"), "{answer}");
        assert!(!format!("{:?}", world.notes()).contains("wrongpass"));
    }
    let refusal = Refusal::ProxyRefused { name: HostName::typed("a.example").unwrap(), port: 443, status: 403 };
    assert_eq!(refusal.allowable(), None, "nothing that the person allows helps");
}
