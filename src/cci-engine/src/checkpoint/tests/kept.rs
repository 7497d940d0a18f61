//! What is done with root file systems that are kept, and what no other verb does with them.

use cci_core::Error;
use cci_core::checkpoint::{Cause, CheckpointId, Node};
use cci_core::session::SessionId;

use super::{COPY, NAME, id, kept, world};
use crate::checkpoint::expired::{self, Which};
use crate::checkpoint::opened::Opened;
use crate::checkpoint::{contents, roots, thin};
use crate::instance::ownership::{self, Whose};
use crate::instance::{container, list};
use crate::testing::{ANOTHER, World};
use crate::upkeep::clean;
use cci_host::store::checkpoints::Checkpoints;

const HERE: &str = "cci-cp-0101010101";

/// One in the caller's own project, where no other could be made.
fn beside_containers(world: &World) {
    let session = SessionId::from_random([7; 16]);
    world.container(HERE).checkpoint(&id()).session(session).persistent().stopped().put();
}

#[tokio::test]
async fn no_verb_shows_or_takes_one_even_in_the_callers_own_project() {
    let world = World::new();
    beside_containers(&world);
    let cx = world.cx();
    assert_eq!(list::list(&cx, Whose::Everybodys).await.unwrap(), []);
    assert_eq!(list::live(&cx).await.unwrap(), []);
    assert!(ownership::all(&cx).await.unwrap().is_empty());
    assert!(!container::exists(&cx, HERE).await.unwrap());
    for refused in [
        container::start(&cx, HERE).await,
        container::stop(&cx, HERE, None).await,
        container::delete(&cx, HERE, true).await,
    ] {
        assert!(matches!(refused, Err(Error::ContainerNotFound { .. })), "{refused:?}");
    }
    let all =
        clean::Wanted { containers: true, sessions: true, persistent: true, checkpoints: false, older_than: None };
    assert!(clean::find(&cx, all).await.unwrap().containers.is_empty());
    assert!(world.instance(HERE).is_some());
}

#[tokio::test]
async fn one_keeps_no_conversation_from_being_cleaned() {
    let world = World::new();
    beside_containers(&world);
    world.save_session(SessionId::from_random([7; 16]), NAME, "2026-01-01T00:00:00Z");
    let sessions =
        clean::Wanted { containers: false, sessions: true, persistent: false, checkpoints: false, older_than: None };
    assert_eq!(clean::find(&world.cx(), sessions).await.unwrap().sessions.len(), 1);
}

#[tokio::test]
async fn all_of_the_callers_are_found_weighed_and_removed_and_nobody_elses() {
    let world = world();
    let root = kept(&world.cx(), NAME).await.unwrap();
    let (other, anothers) =
        (CheckpointId::from_random(0x0202_0202_0200_0000), CheckpointId::from_random(0x0303_0303_0300_0000));
    let held = |id: &CheckpointId| world.container(&id.instance()).checkpoint(id).persistent().stopped();
    held(&other).config("user.disk-usage", "4096").put();
    held(&anothers).of(ANOTHER).put();
    let of_another_home = CheckpointId::from_random(0x0404_0404_0400_0000);
    held(&of_another_home).store("/elsewhere/.cci".as_ref()).put();
    let cx = world.cx();
    let all = roots::all(&cx).await.unwrap();
    let found: Vec<_> = all.iter().map(|kept| (kept.id.clone(), kept.root.project.as_str(), kept.bytes)).collect();
    assert_eq!(found, [(id(), "cci-checkpoints", None), (other.clone(), "default", Some(4096))]);
    let orphans = roots::orphans(roots::all(&cx).await.unwrap(), &[id()].into());
    assert_eq!(orphans.into_iter().map(|kept| kept.id).collect::<Vec<_>>(), [other]);
    assert!(roots::exists(&cx, &root).await.unwrap());
    assert!(roots::remove(&cx, &root).await.unwrap());
    assert!(world.daemon.get(COPY).is_none());
    assert!(!roots::exists(&cx, &root).await.unwrap());
    assert!(!roots::remove(&cx, &root).await.unwrap(), "it is gone");
}

#[tokio::test]
async fn a_record_that_names_something_else_removes_nothing() {
    let world = world();
    let cx = world.cx();
    let mut root = kept(&cx, NAME).await.unwrap();
    (root.instance, root.project) = (NAME.to_owned(), "default".to_owned());
    assert!(!roots::exists(&cx, &root).await.unwrap());
    assert!(!roots::remove(&cx, &root).await.unwrap());
    assert!(world.runs(NAME));
    let anothers = CheckpointId::from_random(0x0303_0303_0300_0000);
    world.container(&anothers.instance()).checkpoint(&anothers).of(ANOTHER).stopped().put();
    root.instance = anothers.instance();
    assert!(!roots::remove(&cx, &root).await.unwrap());
    assert!(world.instance(&anothers.instance()).is_some());
}

#[tokio::test]
async fn what_a_record_names_that_cannot_be_read_is_kept() {
    let world = World::new();
    beside_containers(&world);
    let cx = world.cx();
    let records = Checkpoints::of(&cx.cci_dir(), &cx.workspace).unwrap();
    let content = contents::store(&records).unwrap().write(b"named by no other record").unwrap();
    let record = records.dir().join(format!("nodes/{}.json", id()));
    for (text, stays) in [(Some("{\"cause\": \"of a newer cci\"}"), true), (None, false)] {
        match text {
            Some(text) => std::fs::write(&record, text).unwrap(),
            None => std::fs::remove_file(&record).unwrap(),
        }
        let removable = expired::find(&cx, Which::Expired, None).await.unwrap();
        assert_eq!(removable.orphans.is_empty(), stays, "its container");
        let mut opened = Opened::of(&cx).await.unwrap();
        thin::remove(&cx, &mut opened, &[]).await.unwrap();
        assert_eq!(opened.store.contains(content), stays, "its files");
    }
}

#[tokio::test]
async fn a_checkpoint_that_has_become_current_since_it_was_found_stays() {
    let world = World::new();
    let cx = world.cx();
    let records = Opened::of(&cx).await.unwrap().kept;
    let ids = [1, 2].map(|n| CheckpointId::from_random(n << 40));
    for id in &ids {
        let at = "2026-01-01T00:00:00.000Z".to_owned();
        records.write(&Node::empty(id.clone(), at, Cause::Manual, cx.workspace.path().to_owned())).unwrap();
    }
    let found = expired::find(&cx, Which::All, None).await.unwrap();
    assert_eq!(found.expired[0].ids, ids);
    let mut heads = records.heads().unwrap();
    heads.workspaces.insert(cx.workspace.hash().to_string(), ids[1].clone());
    records.write_heads(&heads).unwrap();
    assert_eq!(expired::remove(&cx, &found.expired[0]).await.unwrap(), 1);
    let left: Vec<_> = records.records().unwrap().nodes.into_keys().collect();
    assert_eq!(left, ids[1..]);
}
