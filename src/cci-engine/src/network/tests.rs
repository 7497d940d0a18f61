//! A policy's bridge and ACL, against a daemon in memory.

mod named;
mod unused;
mod why;

use cci_core::Error;
use cci_core::network::Policy;
use serde_json::{Value, json};

use super::ensure::{Ensured, ensure, restored};
use crate::context::Context;
use crate::testing::World;

/// A policy that no other test of this host has.
const POLICY: &str = "network.mode = \"allowlist\"\nnetwork.allowed_domains = [\"203.0.113.78:443\"]\n";

fn policy(cx: &Context) -> Policy {
    cx.policy().unwrap().unwrap()
}

async fn ensured(world: &World) -> cci_core::Result<Ensured> {
    let cx = world.cx();
    ensure(&cx, &policy(&cx)).await
}

fn bridge(world: &World) -> String {
    policy(&world.cx()).name().bridge().to_owned()
}

fn object(world: &World, kind: &str) -> Option<Value> {
    world.daemon.get(&format!("/1.0/{kind}/{}", bridge(world)))
}

/// Changes an object as somebody else would.
fn change(world: &World, kind: &str, change: impl FnOnce(&mut Value)) {
    let mut object = object(world, kind).unwrap();
    change(&mut object);
    world.daemon.put(&format!("/1.0/{kind}/{}", bridge(world)), object);
}

#[tokio::test]
async fn a_policys_rules_are_there_before_its_bridge() {
    let world = World::configured(POLICY);
    let made = ensured(&world).await.unwrap();
    assert!(made.changed, "nothing was in force until now");
    let requests = world.requests();
    let at = |line: &str| requests.iter().position(|seen| seen == line).unwrap();
    assert!(at("POST /1.0/network-acls") < at("POST /1.0/networks"), "{requests:?}");
    let network = object(&world, "networks").unwrap();
    assert_eq!(network["config"]["security.acls"], bridge(&world));
    assert_eq!(network["config"]["security.acls.default.egress.action"], "reject");
    assert!(object(&world, "network-acls").unwrap()["egress"].to_string().contains("203.0.113.78"));
}

#[tokio::test]
async fn a_policy_that_is_in_force_is_used_as_it_is() {
    let world = World::configured(POLICY);
    let first = ensured(&world).await.unwrap();
    world.daemon.forget_requests();
    let second = ensured(&world).await.unwrap();
    assert_eq!((second.subnet, second.changed), (first.subnet, false));
    assert!(world.requests().iter().all(|seen| seen.starts_with("GET ")), "nothing is changed");
}

#[tokio::test]
async fn rules_that_somebody_widened_are_restored() {
    let world = World::configured(POLICY);
    ensured(&world).await.unwrap();
    let before = object(&world, "network-acls").unwrap()["egress"].clone();
    change(&world, "network-acls", |acl| acl["egress"] = json!([{"action": "allow", "state": "enabled"}]));
    assert!(ensured(&world).await.unwrap().changed);
    assert_eq!(object(&world, "network-acls").unwrap()["egress"], before);
}

#[tokio::test]
async fn a_bridge_whose_rules_somebody_took_off_is_refused() {
    let world = World::configured(POLICY);
    ensured(&world).await.unwrap();
    for (key, value) in
        [("security.acls", ""), ("security.acls.default.egress.action", "allow"), ("dns.mode", "managed")]
    {
        let before = object(&world, "networks").unwrap();
        change(&world, "networks", |network| network["config"][key] = json!(value));
        let error = ensured(&world).await.unwrap_err();
        assert!(matches!(&error, Error::HostUnfit { problem, .. } if problem.contains(key)), "{key}: {error:?}");
        change(&world, "networks", |network| *network = before);
    }
}

#[tokio::test]
async fn an_acl_of_the_same_name_that_is_not_ccis_is_refused_and_stays() {
    let world = World::configured(POLICY);
    let foreign = json!({"name": bridge(&world), "config": {}, "egress": [], "ingress": []});
    world.daemon.put(&format!("/1.0/network-acls/{}", bridge(&world)), foreign.clone());
    let error = ensured(&world).await.unwrap_err();
    assert!(
        matches!(&error, Error::HostUnfit { problem, .. } if problem.contains("not the one that cci created")),
        "{error:?}"
    );
    assert_eq!(object(&world, "network-acls").unwrap(), foreign);
    assert!(object(&world, "networks").is_none(), "no bridge without the policy's rules");
}

#[tokio::test]
async fn a_policy_that_another_launch_makes_at_this_moment_is_taken_as_it_is() {
    let other = World::configured(POLICY);
    ensured(&other).await.unwrap();
    let world = World::configured(POLICY);
    let acl = object(&other, "network-acls");
    world.daemon.on("POST /1.0/network-acls").meanwhile(&format!("/1.0/network-acls/{}", bridge(&world)), acl.clone());
    ensured(&world).await.unwrap();
    assert_eq!(object(&world, "network-acls"), acl);
    assert!(object(&world, "networks").is_some());
}

#[tokio::test]
async fn a_bridge_never_gets_the_subnet_of_another() {
    let world = World::configured(POLICY);
    let first = ensured(&world).await.unwrap().subnet;
    world.daemon.remove(&format!("/1.0/networks/{}", bridge(&world)));
    let other = json!({"name": "other", "type": "bridge", "managed": true, "status": "Created",
        "config": {"ipv4.address": format!("{}/{}", first.gateway, first.prefix)}});
    world.daemon.put("/1.0/networks/other", other);
    assert_ne!(ensured(&world).await.unwrap().subnet, first);
}

#[tokio::test]
async fn only_a_policy_whose_bridge_is_gone_is_restored() {
    let world = World::configured(POLICY);
    ensured(&world).await.unwrap();
    assert!(!restored(&world.cx()).await.unwrap());
    world.daemon.remove(&format!("/1.0/networks/{}", bridge(&world)));
    assert!(restored(&world.cx()).await.unwrap());
    assert!(object(&world, "networks").is_some());
    let open = World::new();
    assert!(!restored(&open.cx()).await.unwrap());
    assert!(open.requests().is_empty(), "mode open has no policy");
}
