//! What a container reaches, and why.

use serde_json::json;

use super::super::{Answer, Question, show, why};
use super::{POLICY, bridge, ensured};
use crate::testing::World;

async fn asked(world: &World, host: &str, from: Option<&str>) -> Answer {
    let question = Question { host: host.to_owned(), from: from.map(str::to_owned) };
    why(&world.cx(), &question).await.unwrap().remove(0)
}

/// A container on the policy's bridge.
async fn guarded(world: &World) {
    ensured(world).await.unwrap();
    world.container("cci-a-1").device("eth0", json!({"type": "nic", "network": bridge(world)})).put();
}

#[tokio::test]
async fn in_mode_open_everything_is_reached() {
    let world = World::new();
    let answer = asked(&world, "198.51.100.1", None).await;
    assert!(answer.allowed && answer.because.starts_with("mode open"), "{answer:?}");
}

#[tokio::test]
async fn of_an_allowlist_the_listed_address_and_port_are_reached_and_nothing_else() {
    let world = World::configured(POLICY);
    guarded(&world).await;
    for from in [None, Some("cci-a-1")] {
        for (host, allowed) in [
            ("203.0.113.78:443", true),
            ("203.0.113.78:80", false),
            ("203.0.113.79:443", false),
            ("10.0.0.1:443", false),
        ] {
            let answer = asked(&world, host, from).await;
            assert_eq!(answer.allowed, allowed, "{host} from {from:?}: {}", answer.because);
        }
    }
}

#[tokio::test]
async fn a_container_is_answered_by_the_rules_that_it_has_and_not_by_the_settings() {
    let world = World::configured(POLICY);
    guarded(&world).await;
    let open =
        crate::context::Context { stack: World::new().cx().stack, settings: World::new().cx().settings, ..world.cx() };
    let question = Question { host: "203.0.113.79:443".into(), from: Some("cci-a-1".into()) };
    assert!(!why(&open, &question).await.unwrap()[0].allowed);
}

#[tokio::test]
async fn a_guarded_container_is_shown_with_its_rules_and_the_last_word() {
    let world = World::configured(POLICY);
    guarded(&world).await;
    let shown = show(&world.cx(), "cci-a-1").await.unwrap();
    assert_eq!((shown.mode.as_str(), shown.network), ("allowlist", bridge(&world)));
    let last = shown.rules.last().unwrap();
    assert_eq!((last.action, last.destination.as_str()), ("reject", "everything else"));
    assert!(shown.rules.iter().any(|rule| rule.action == "allow" && rule.destination.contains("203.0.113.78")));
}

#[tokio::test]
async fn an_open_container_is_shown_without_rules() {
    let world = World::new();
    world.container("cci-a-1").device("eth0", json!({"type": "nic", "network": "incusbr0"})).put();
    let shown = show(&world.cx(), "cci-a-1").await.unwrap();
    assert_eq!((shown.mode.as_str(), shown.network.as_str(), shown.rules.len()), ("open", "incusbr0", 0));
}

#[tokio::test]
async fn a_container_without_a_network_is_told_as_such() {
    let world = World::new();
    world.daemon.put("/1.0/profiles/default", json!({"name": "default", "config": {}, "devices": {}}));
    world.container("cci-a-1").put();
    let error = show(&world.cx(), "cci-a-1").await.unwrap_err();
    assert!(error.to_string().contains("has no network"), "{error}");
}
