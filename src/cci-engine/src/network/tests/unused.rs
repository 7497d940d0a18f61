//! Policies that no container uses any more.

use serde_json::json;

use super::super::{remove, unused};
use super::{POLICY, bridge, change, ensured, object};
use crate::testing::World;

/// A policy that was in use, and whose creator has exited.
async fn leave_policy(world: &World) {
    ensured(world).await.unwrap();
    change(world, "network-acls", |acl| {
        acl["config"].as_object_mut().unwrap().remove("user.cci.maker").unwrap();
    });
}

fn use_by(world: &World, instance: &str) {
    change(world, "networks", |network| {
        network["used_by"] = json!([format!("/1.0/instances/{instance}?project=other")]);
    });
}

async fn names(world: &World, going: &[&str]) -> Vec<String> {
    unused(&world.cx(), going).await.unwrap().into_iter().map(|unused| unused.name.bridge().to_owned()).collect()
}

#[tokio::test]
async fn a_policy_without_containers_is_unused_and_the_hosts_own_network_never() {
    let world = World::configured(POLICY);
    assert!(names(&world, &[]).await.is_empty());
    leave_policy(&world).await;
    assert_eq!(names(&world, &[]).await, [bridge(&world)]);
}

#[tokio::test]
async fn a_policy_is_in_use_until_its_last_container_goes() {
    let world = World::configured(POLICY);
    leave_policy(&world).await;
    use_by(&world, "cci-a-1");
    assert!(names(&world, &[]).await.is_empty());
    assert!(names(&world, &["cci-a-2"]).await.is_empty());
    assert_eq!(names(&world, &["cci-a-1"]).await, [bridge(&world)]);
}

#[tokio::test]
async fn a_policy_whose_maker_still_runs_is_about_to_be_used() {
    let world = World::configured(POLICY);
    ensured(&world).await.unwrap();
    assert!(names(&world, &[]).await.is_empty());
}

#[tokio::test]
async fn rules_without_a_bridge_are_unused_too() {
    let world = World::configured(POLICY);
    leave_policy(&world).await;
    world.daemon.remove(&format!("/1.0/networks/{}", bridge(&world)));
    assert_eq!(names(&world, &[]).await, [bridge(&world)]);
}

#[tokio::test]
async fn an_unused_policy_is_removed_with_its_rules() {
    let world = World::configured(POLICY);
    leave_policy(&world).await;
    let found = unused(&world.cx(), &[]).await.unwrap();
    remove(&world.cx(), &found[0]).await.unwrap();
    assert!(object(&world, "networks").is_none() && object(&world, "network-acls").is_none());
}

#[tokio::test]
async fn a_policy_that_is_in_use_again_is_left_as_it_is() {
    let world = World::configured(POLICY);
    leave_policy(&world).await;
    let found = unused(&world.cx(), &[]).await.unwrap();
    use_by(&world, "cci-a-1");
    world.daemon.on("DELETE /1.0/networks/*").refuse(400, "The network is currently in use");
    remove(&world.cx(), &found[0]).await.unwrap();
    assert!(object(&world, "networks").is_some() && object(&world, "network-acls").is_some());
}

#[tokio::test]
async fn a_policy_that_a_launch_has_begun_to_make_again_is_left_to_it() {
    let world = World::configured(POLICY);
    leave_policy(&world).await;
    let found = unused(&world.cx(), &[]).await.unwrap();
    let maker = cci_host::process::own().unwrap();
    change(&world, "network-acls", |acl| acl["config"]["user.cci.maker"] = json!(maker));
    remove(&world.cx(), &found[0]).await.unwrap();
    assert!(object(&world, "networks").is_some());
}

#[tokio::test]
async fn a_removal_is_tried_as_long_as_it_only_meets_interfaces_that_disappear() {
    let gone = "Failed to delete bridge children interfaces: Failed to run: ip -d -j link show physEp4qZH: exit status 1 \
                (Device \"physEp4qZH\" does not exist.)";
    for (why, is_removed) in [(gone, true), ("Failed to stop the name server", false)] {
        let world = World::configured(POLICY);
        leave_policy(&world).await;
        let found = unused(&world.cx(), &[]).await.unwrap();
        for nth in 1..=5 {
            world.daemon.on("DELETE /1.0/networks/*").nth(nth).refuse(500, why);
        }
        assert_eq!(remove(&world.cx(), &found[0]).await.is_ok(), is_removed, "{why}");
        assert_eq!(object(&world, "networks").is_none(), is_removed, "{why}");
    }
}
