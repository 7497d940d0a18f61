//! The verbs on images, against a daemon in memory.

use cci_core::{Error, Result};

use super::{Ask, Published, Selection, cleanup, delete, exists, list, publish};
use crate::context::Context;
use crate::roll_back::on_failure;
use crate::testing::World;

const OWN: (&str, &str) = ("user.cci.owner-uid", "1000");
const ANOTHERS: (&str, &str) = ("user.cci.owner-uid", "1001");

fn is_there(world: &World, fingerprint: &str) -> bool {
    world.daemon.get(&format!("/1.0/images/{fingerprint}")).is_some()
}

fn target(world: &World, alias: &str) -> String {
    world.daemon.get(&format!("/1.0/images/aliases/{alias}")).unwrap()["target"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_image_is_deleted_by_its_name_with_all_its_names() {
    let world = World::new();
    world.put_image("aa01", &["cci-a", "cci-a-20260101-000000"], &[OWN]);
    let deleted = delete(&world.cx(), "cci-a").await.unwrap();
    assert_eq!((deleted.fingerprint.as_str(), deleted.aliases.len()), ("aa01", 2));
    assert!(!is_there(&world, "aa01"));
    assert!(!exists(&world.cx(), "cci-a").await.unwrap());
}

#[tokio::test]
async fn an_image_is_deleted_by_the_beginning_of_its_fingerprint() {
    let world = World::new();
    world.put_image("aa01bb02", &[], &[OWN]);
    delete(&world.cx(), "aa01").await.unwrap();
    assert!(!is_there(&world, "aa01bb02"));
}

#[tokio::test]
async fn an_image_that_is_not_there_is_not_found() {
    let world = World::new();
    assert!(matches!(delete(&world.cx(), "cci-a").await, Err(Error::ImageNotFound { .. })));
}

#[tokio::test]
async fn an_image_that_another_call_deletes_meanwhile_is_not_found() {
    let world = World::new();
    world.put_image("aa01", &["cci-a"], &[OWN]);
    world.daemon.on("DELETE /1.0/images/*").meanwhile("/1.0/images/aa01", None);
    assert!(matches!(delete(&world.cx(), "cci-a").await, Err(Error::ImageNotFound { .. })));
}

#[tokio::test]
async fn another_users_image_is_deleted_by_root_and_any_owner_only() {
    let world = World::new();
    world.put_image("aa01", &["cci-a"], &[ANOTHERS]);
    let error = delete(&world.cx(), "cci-a").await.unwrap_err();
    assert!(matches!(&error, Error::NotOwner { problem, .. } if problem.contains("belongs to user 1001")), "{error:?}");
    assert!(is_there(&world, "aa01"));
    delete(&world.cx_of(0), "cci-a").await.unwrap();
    world.put_image("aa01", &["cci-a"], &[ANOTHERS]);
    delete(&world.cx().of_any_owner(true), "cci-a").await.unwrap();
}

#[tokio::test]
async fn an_image_without_an_owner_stays_while_another_users_containers_are_of_it() {
    let world = World::new();
    world.put_image("aa01", &["cci-a"], &[]);
    world.container("cci-a-1").of(crate::testing::ANOTHER).config("volatile.base_image", "aa01").put();
    let error = delete(&world.cx(), "cci-a").await.unwrap_err();
    assert!(matches!(&error, Error::NotOwner { problem, .. } if problem.contains("start from")), "{error:?}");
    world.container("cci-a-1").config("volatile.base_image", "aa01").put();
    delete(&world.cx(), "cci-a").await.unwrap();
}

#[tokio::test]
async fn a_cleanup_keeps_the_newest_and_what_has_another_name() {
    let world = World::new();
    world.put_image("aa01", &["n-20260101-000000"], &[OWN]);
    world.put_image("aa02", &["n-20260102-000000", "in-use"], &[OWN]);
    world.put_image("aa03", &["n-20260103-000000"], &[OWN]);
    world.put_image("aa04", &["n-20260104-000000"], &[OWN]);
    let cleaned = cleanup(&world.cx(), "n-", 1).await.unwrap();
    let gone: Vec<_> = cleaned.deleted.iter().map(|image| image.fingerprint.as_str()).collect();
    assert_eq!(gone, ["aa01", "aa03"], "oldest first");
    assert!(is_there(&world, "aa02") && is_there(&world, "aa04"));
}

#[tokio::test]
async fn a_cleanup_reports_another_users_image_and_continues() {
    let world = World::new();
    world.put_image("aa01", &["n-20260101-000000"], &[ANOTHERS]);
    world.put_image("aa02", &["n-20260102-000000"], &[OWN]);
    let cleaned = cleanup(&world.cx(), "n-", 0).await.unwrap();
    assert_eq!(cleaned.deleted.len(), 1);
    assert!(is_there(&world, "aa01") && !is_there(&world, "aa02"));
    assert!(
        world.was_reported("NotRemoved(NotOwner {") && world.was_reported("belongs to user 1001"),
        "{:?}",
        world.reported()
    );
}

#[tokio::test]
async fn ccis_images_are_listed_with_the_plain_name_first() {
    let world = World::new();
    world.put_image("aa01", &["cci-b-20260101-000000", "cci-b"], &[]);
    world.put_image("aa02", &["debian"], &[]);
    let listed = list(&world.cx(), &Selection::Ours).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].aliases, ["cci-b", "cci-b-20260101-000000"]);
    assert_eq!(list(&world.cx(), &Selection::All).await.unwrap().len(), 2);
}

async fn published(cx: &Context, force: bool) -> Result<Published> {
    let ask = Ask { container: "cci-a-1".into(), alias: "mine".into(), description: None, force };
    on_failure(cx, publish(cx, &ask)).await
}

#[tokio::test]
async fn a_stopped_container_is_published_as_it_is_with_its_owner() {
    let world = World::new();
    world.container("cci-a-1").persistent().stopped().config("image.cci.resolv", "file").put();
    let published = published(&world.cx(), false).await.unwrap();
    assert_eq!(target(&world, "mine"), published.fingerprint);
    let properties = world.daemon.get(&format!("/1.0/images/{}", published.fingerprint)).unwrap()["properties"].clone();
    assert_eq!((&properties["user.cci.owner-uid"], &properties["cci.resolv"]), (&"1000".into(), &"file".into()));
    assert_eq!(world.daemon.count("POST /1.0/instances/*/snapshots"), 0);
}

#[tokio::test]
async fn a_running_container_is_published_by_a_snapshot_that_goes_again() {
    let world = World::new();
    world.container("cci-a-1").put();
    published(&world.cx(), false).await.unwrap();
    assert_eq!(world.daemon.count("POST /1.0/instances/*/snapshots"), 1);
    assert_eq!(world.daemon.count("DELETE /1.0/instances/*/snapshots/*"), 1);
    assert!(world.runs("cci-a-1"));
}

#[tokio::test]
async fn a_name_in_use_is_not_moved_without_force() {
    let world = World::new();
    world.container("cci-a-1").put();
    world.put_image("aa01", &["mine"], &[OWN]);
    assert!(matches!(published(&world.cx(), false).await, Err(Error::ImageExists { .. })));
    assert_eq!(target(&world, "mine"), "aa01");
    assert_eq!(world.daemon.count("POST /1.0/images"), 0);
}

#[tokio::test]
async fn a_forced_publish_moves_the_name_and_removes_the_image_that_has_none_left() {
    let world = World::new();
    world.container("cci-a-1").put();
    world.put_image("aa01", &["mine"], &[OWN]);
    let published = published(&world.cx(), true).await.unwrap();
    assert_eq!(target(&world, "mine"), published.fingerprint);
    assert!(!is_there(&world, "aa01"));
}

#[tokio::test]
async fn a_forced_publish_leaves_an_image_that_has_another_name() {
    let world = World::new();
    world.container("cci-a-1").put();
    world.put_image("aa01", &["mine", "older"], &[OWN]);
    published(&world.cx(), true).await.unwrap();
    assert!(is_there(&world, "aa01"));
}

#[tokio::test]
async fn the_name_of_another_users_image_is_not_taken_by_force() {
    let world = World::new();
    world.container("cci-a-1").put();
    world.put_image("aa01", &["mine"], &[ANOTHERS]);
    assert!(matches!(published(&world.cx(), true).await, Err(Error::NotOwner { .. })));
    assert_eq!(target(&world, "mine"), "aa01");
}

#[tokio::test]
async fn a_publish_that_fails_leaves_neither_image_nor_snapshot() {
    let world = World::new();
    world.container("cci-a-1").put();
    world.daemon.on("POST /1.0/images/aliases").refuse(500, "The database is locked");
    published(&world.cx(), false).await.unwrap_err();
    assert_eq!(world.daemon.count("DELETE /1.0/instances/*/snapshots/*"), 1);
    assert!(list(&world.cx(), &Selection::All).await.unwrap().is_empty());
}
