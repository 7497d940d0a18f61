//! How a container comes back: a launch like any other, with another root file system.

use cci_core::checkpoint::Root;
use cci_core::plan::{Ask, LaunchPlan, Roots};
use cci_core::slot::{Slot, SlotChoice};
use cci_core::{Error, Result};
use serde_json::Value;

use super::{id, kept};
use crate::checkpoint::roots;
use crate::context::Context;
use crate::instance::ownership;
use crate::instance::remove::remove_launched;
use crate::launch::{self, Launched, Subject, Survey};
use crate::roll_back::on_failure;
use crate::testing::{ANOTHER, World};

const IMAGE: &str = "ab12";

fn world(settings: &str) -> World {
    let world = World::configured(&format!("network.mode = \"open\"\n{settings}"));
    world.put_image(IMAGE, &["cci"], &[("cci.resolv", "file")]);
    world
}

async fn planned(cx: &Context) -> Result<(Survey, LaunchPlan)> {
    let survey = launch::survey(cx, Subject::Workspace).await?;
    let ask = Ask {
        sockets: None,
        roots: Roots::OfImage,
        login: std::collections::BTreeMap::new(),
        prefix: cx.prefix.clone(),
        workspace: cx.workspace.clone(),
        owner_uid: cx.caller.ids.uid,
        launch: launch::launch_mark(),
        session: None,
        environment: cx.environment.clone(),
    };
    let plan = LaunchPlan::new(&ask, &cx.settings, &survey.host)?;
    Ok((survey, plan))
}

/// Launches as usual.
async fn launched(cx: &Context, slot: u8) -> Result<Launched> {
    on_failure(cx, async {
        let (survey, plan) = planned(cx).await?;
        launch::claim(cx, &plan, SlotChoice::Exactly(Slot::new(slot).unwrap()), &survey).await
    })
    .await
}

/// Puts a container with this root into a slot, in the place of the one that there is.
async fn restored(cx: &Context, slot: u8, root: &Root) -> Result<Launched> {
    on_failure(cx, async {
        let (survey, plan) = planned(cx).await?;
        let mut survey = survey.from_root(roots::original(cx, &id(), root).await?);
        let slot = Slot::new(slot).unwrap();
        let name = plan.name(slot).to_string();
        if let Some(at) = survey.instances.iter().position(|instance| instance.name == name) {
            let replaced = ownership::one(cx, &survey.instances.remove(at).name).await?;
            remove_launched(&cx.client, &name, &replaced.marks.launch).await?;
        }
        launch::claim(cx, &plan, SlotChoice::Exactly(slot), &survey).await
    })
    .await
}

/// An instance as it was configured, without what is each launch's own and what Incus itself notes.
fn configured(world: &World, slot: u8) -> Value {
    let instance = world.instance(&world.slot(slot)).unwrap();
    let launch = instance["config"]["user.cci.launch"].as_str().unwrap();
    let mut shown: Value = serde_json::from_str(&instance.to_string().replace(launch, "LAUNCH")).unwrap();
    let config = shown["config"].as_object_mut().unwrap();
    config.retain(|key, _| !key.starts_with("volatile.") && !key.starts_with("image."));
    shown.as_object_mut().unwrap().remove("source");
    shown
}

/// Takes away the line that gives a container an identity of its own, and returns that.
fn taken_identity(configured: &mut Value) -> String {
    let lines = configured["config"]["raw.lxc"].as_str().unwrap().to_owned();
    let (before, rest) = lines.split_once("lxc.init.cmd = /sbin/init systemd.machine_id=").unwrap();
    let (id, after) = rest.split_once('\n').unwrap();
    configured["config"]["raw.lxc"] = format!("{before}{after}").into();
    id.to_owned()
}

#[tokio::test]
async fn a_restored_container_is_configured_like_a_fresh_one_and_has_nothing_of_the_copy() {
    let before = world("limits.cpu = 1\ndefaults.docker = true\n");
    let container = launched(&before.cx(), 1).await.unwrap();
    let root = kept(&before.cx(), &container.name).await.unwrap();
    let copy = before.daemon.get(&format!("/1.0/instances/{}?project={}", root.instance, root.project)).unwrap();
    // the settings have changed since
    let now = world("limits.memory = \"1GiB\"\ndefaults.docker = false\n");
    launched(&now.cx(), 1).await.unwrap();
    let mut fresh = configured(&now, 1);
    now.daemon.put(&format!("/1.0/instances/{}?project={}", root.instance, root.project), copy);
    let launched = restored(&now.cx(), 1, &root).await.unwrap();
    assert!(now.runs(&launched.name));
    // it names the disk that the other has of the profile, or it would have the checkpoint's
    let profile = now.daemon.get("/1.0/profiles/default").unwrap();
    fresh["devices"]["root"] = profile["devices"]["root"].clone();
    fresh["profiles"] = serde_json::json!(["default"]);
    let mut restored = configured(&now, 1);
    assert_eq!(taken_identity(&mut restored).len(), 32, "the container that it comes from may go on with its own");
    assert_eq!(restored, fresh);
    assert_eq!(now.daemon.count("POST /1.0/instances"), 2, "one request carries everything and starts it");
}

#[tokio::test]
async fn a_persistent_container_is_made_again_as_one() {
    let world = world("defaults.persistent = true\n");
    let container = launched(&world.cx(), 1).await.unwrap();
    let root = kept(&world.cx(), &container.name).await.unwrap();
    let launched = restored(&world.cx(), 1, &root).await.unwrap();
    assert!(launched.lifetime.is_persistent() && !launched.reused);
    let instance = world.instance(&launched.name).unwrap();
    assert_eq!((&instance["ephemeral"], &instance["source"]["type"]), (&false.into(), &"copy".into()));
    assert_eq!(instance["config"]["user.cci.launch"], launched.plan.launch());
    assert!(!instance.to_string().contains("machine_id"), "it is the one that it was");
}

#[tokio::test]
async fn a_container_that_is_gone_comes_back_without_its_image() {
    let world = world("");
    let container = launched(&world.cx(), 1).await.unwrap();
    let root = kept(&world.cx(), &container.name).await.unwrap();
    for gone in
        [format!("/1.0/instances/{}", container.name), format!("/1.0/images/{IMAGE}"), "/1.0/images/aliases/cci".into()]
    {
        world.daemon.remove(&gone);
    }
    let launched = restored(&world.cx(), 1, &root).await.unwrap();
    assert!(world.runs(&launched.name));
    assert_eq!(launched.plan.image(), "cci");
    assert!(launched.plan.has_instant_network(), "what the image takes is known from the copy");
}

#[tokio::test]
async fn another_users_container_in_the_slot_is_left_alone() {
    let world = world("");
    let container = launched(&world.cx(), 1).await.unwrap();
    let root = kept(&world.cx(), &container.name).await.unwrap();
    world.daemon.remove(&format!("/1.0/instances/{}", container.name));
    world.container(&container.name).of(ANOTHER).put();
    let refused = restored(&world.cx(), 1, &root).await.unwrap_err();
    assert!(matches!(refused, Error::NotOwner { .. }), "{refused}");
    assert!(world.runs(&container.name));
}

#[tokio::test]
async fn a_root_that_is_gone_says_which_and_ends_nothing() {
    let world = world("");
    let container = launched(&world.cx(), 1).await.unwrap();
    let root = kept(&world.cx(), &container.name).await.unwrap();
    roots::remove(&world.cx(), &root).await.unwrap();
    let incomplete = restored(&world.cx(), 1, &root).await.unwrap_err();
    assert!(matches!(incomplete, Error::CheckpointIncomplete { part: "container", .. }), "{incomplete}");
    assert!(world.runs(&container.name));
}

#[tokio::test]
async fn a_fork_gets_a_container_of_its_own_though_a_kept_one_is_free() {
    let world = world("defaults.persistent = true\n");
    let container = launched(&world.cx(), 1).await.unwrap();
    let root = kept(&world.cx(), &container.name).await.unwrap();
    world.container(&world.slot(2)).persistent().stopped().config("user.cci.image", "cci").put();
    let cx = world.cx();
    let (survey, plan) = planned(&cx).await.unwrap();
    let survey = survey.from_root(roots::original(&cx, &id(), &root).await.unwrap());
    let launched = launch::claim(&cx, &plan, SlotChoice::Auto, &survey).await.unwrap();
    assert_eq!((launched.slot.number(), launched.reused), (3, false));
}
