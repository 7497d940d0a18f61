//! A policy under which connections are judged by name.

use serde_json::{Value, json};

use super::super::{Question, show, why};
use super::{bridge, change, ensured, object};
use crate::testing::World;

/// Nothing of it is looked up.
const NAMED: &str =
    "network.mode = \"allowlist\"\nnetwork.allowed_domains = [\"*.example.com:443\", \"203.0.113.76:80\"]\n";
/// This host knows it by itself.
const HERE: &str = "network.mode = \"allowlist\"\n\
    network.allowed_domains = [\"localhost:443\", \"*.example.com:443\", \"203.0.113.76:80\"]\n";

fn doors(acl: &Value) -> Vec<(String, String)> {
    let text = |rule: &Value, key: &str| rule[key].as_str().unwrap_or_default().to_owned();
    let rules = acl["egress"].as_array().unwrap().iter();
    let doors = rules.filter(|rule| rule["action"] == "allow" && rule["destination_port"] == "28080,28443");
    doors.map(|rule| (text(rule, "destination"), text(rule, "protocol"))).collect()
}

#[tokio::test]
async fn its_doors_are_let_through_once_there_is_a_bridge() {
    let world = World::configured(NAMED);
    let gateway = ensured(&world).await.unwrap().subnet.gateway.to_string();
    let requests = world.requests();
    let at = |line: &str| requests.iter().position(|seen| seen.starts_with(line)).unwrap();
    assert!(at("POST /1.0/networks") < at("PUT /1.0/network-acls/"), "{requests:?}");
    let acl = object(&world, "network-acls").unwrap();
    assert_eq!(doors(&acl), [(gateway.clone(), "tcp".to_owned()), (gateway.clone(), "udp".to_owned())]);
    assert_eq!(acl["config"]["user.cci.gateway"], gateway);
    assert!(acl["config"]["user.cci.maker"].is_string(), "a `clean` takes it for unused");
    ensured(&world).await.unwrap();
    assert!(world.requests().iter().all(|seen| seen.starts_with("GET ")), "nothing is changed");
}

#[tokio::test]
async fn a_bridge_that_lies_elsewhere_has_its_doors_there() {
    let world = World::configured(NAMED);
    ensured(&world).await.unwrap();
    change(&world, "networks", |network| network["config"]["ipv4.address"] = json!("10.200.7.1/24"));
    ensured(&world).await.unwrap();
    let acl = object(&world, "network-acls").unwrap();
    assert_eq!(doors(&acl)[0].0, "10.200.7.1");
    assert_eq!(doors(&acl).len(), 2, "and nowhere else");
}

#[tokio::test]
async fn what_decides_is_the_name_in_the_request() {
    let world = World::configured(HERE);
    ensured(&world).await.unwrap();
    world.container("cci-a-1").device("eth0", json!({"type": "nic", "network": bridge(&world)})).put();
    for (host, allowed, because) in [
        ("localhost:443", false, "it leads to 127.0.0.1, which is a reserved address"),
        ("localhost:80", false, "localhost:443 is for other ports"),
        ("a.b.example.com:80", false, "*.example.com:443 is for other ports"),
        ("example.com:443", false, "not in allowed_domains"),
        ("203.0.113.76:80", true, "allowed_domains"),
        ("203.0.113.76:443", false, "the name in the request"),
        ("203.0.113.77:22", false, "not in allowed_domains"),
        ("10.0.0.1:443", false, "private networks"),
    ] {
        for from in [None, Some("cci-a-1".to_owned())] {
            let question = Question { host: host.to_owned(), from };
            let answers = why(&world.cx(), &question).await.unwrap();
            assert_eq!(answers.len(), 1, "{host}: {answers:?}");
            assert!(answers[0].allowed == allowed && answers[0].because.contains(because), "{host}: {answers:?}");
        }
    }
    let shown = show(&world.cx(), "cci-a-1").await.unwrap();
    assert_eq!(
        (shown.mode.as_str(), shown.by_name),
        ("allowlist", vec!["localhost:443".to_owned(), "*.example.com:443".to_owned()])
    );
}
