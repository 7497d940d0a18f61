//! Where root file systems are kept.

use serde_json::json;

use super::{NAME, kept, names, world};
use crate::checkpoint::roots;

const PROJECT: &str = "/1.0/projects/cci-checkpoints";
const MAKE: &str = "POST /1.0/projects";

#[tokio::test]
async fn the_project_is_made_once_and_shares_what_the_default_one_has() {
    let world = world();
    let root = kept(&world.cx(), NAME).await.unwrap();
    let config = world.daemon.get(PROJECT).unwrap()["config"].clone();
    assert_eq!(names(&config).len(), 7);
    for (key, value) in config.as_object().unwrap() {
        assert_eq!(value, if key == "user.cci.managed" { "true" } else { "false" }, "{key}");
    }
    assert!(roots::remove(&world.cx(), &root).await.unwrap());
    kept(&world.cx(), NAME).await.unwrap();
    assert_eq!(world.daemon.count(MAKE), 1);
}

#[tokio::test]
async fn one_that_another_command_makes_at_once_is_used() {
    for sentence in [(409, "already exists"), (500, "UNIQUE constraint failed: projects.name")] {
        let world = world();
        let theirs = json!({"name": "cci-checkpoints", "config": {"user.cci.managed": "true"}});
        world.daemon.on(MAKE).refuse(sentence.0, sentence.1);
        // between the question and the answer
        world.daemon.on("GET /1.0/projects/cci-checkpoints").nth(2).meanwhile(PROJECT, Some(theirs));
        assert_eq!(kept(&world.cx(), NAME).await.unwrap().project, "cci-checkpoints");
    }
}

#[tokio::test]
async fn who_may_make_none_keeps_them_beside_the_containers() {
    let world = world();
    world.daemon.on(MAKE).refuse(403, "not authorized");
    let root = kept(&world.cx(), NAME).await.unwrap();
    assert_eq!(root.project, "default");
    assert!(world.instance("cci-cp-0101010101").is_some());
    assert!(roots::exists(&world.cx(), &root).await.unwrap());
}

#[tokio::test]
async fn somebody_elses_project_of_that_name_is_left_alone() {
    let world = world();
    world.daemon.put(PROJECT, json!({"name": "cci-checkpoints", "config": {}}));
    assert_eq!(kept(&world.cx(), NAME).await.unwrap().project, "default");
    assert_eq!(world.daemon.count(MAKE), 0);
}

#[tokio::test]
async fn another_project_has_checkpoints_of_its_own() {
    let world = world();
    world.daemon.put("/1.0/projects/work", json!({"name": "work", "config": {}}));
    world.container(NAME).project("work").put();
    let mut cx = world.cx();
    cx.client = cx.client.in_project("work");
    let root = kept(&cx, NAME).await.unwrap();
    assert_eq!(root.project, "work-checkpoints");
    assert!(world.daemon.get("/1.0/instances/cci-cp-0101010101?project=work-checkpoints").is_some());
    assert_eq!(roots::all(&cx).await.unwrap().len(), 1);
    assert_eq!(roots::all(&world.cx()).await.unwrap().len(), 0, "the default project sees none of them");
}
