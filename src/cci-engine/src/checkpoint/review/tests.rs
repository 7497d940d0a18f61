//! A review of a workspace, and what becomes of its findings.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use cci_core::Error;
use cci_core::checkpoint::Cause;
use cci_core::slot::SlotChoice;

use super::look::{Review, Whose, look};
use crate::checkpoint::rewind;
use crate::checkpoint::take::take;
use crate::checkpoint::wanted::Wanted;
use crate::context::Context;
use crate::testing::World;
use cci_host::store::checkpoints::Part;

async fn begun(world: &World) -> Context {
    let cx = world.cx();
    take(&cx, SlotChoice::Auto, &Wanted::because(Cause::Manual), None).await.unwrap();
    cx
}

async fn reviewed(cx: &Context) -> Review {
    look(cx, &Whose::Latest).await.unwrap()
}

fn paths(review: &Review) -> Vec<String> {
    review.findings.iter().map(|one| one.finding.path.display().to_string()).collect()
}

#[tokio::test]
async fn a_workspace_without_a_checkpoint_is_named_and_nothing_is_made() {
    let world = World::new();
    let error = look(&world.cx(), &Whose::Latest).await.err().unwrap();
    assert!(matches!(error, Error::NothingToCompare { session: None }), "{error}");
    assert!(!world.home().join(".cci/checkpoints").exists());
    let error = look(&world.cx(), &Whose::Container("cci-gone-1".into())).await.err().unwrap();
    assert!(matches!(error, Error::ContainerNotFound { .. }), "{error}");
}

#[tokio::test]
async fn what_is_accepted_is_quiet_until_its_content_changes() {
    let world = World::new();
    let cx = begun(&world).await;
    assert!(paths(&reviewed(&cx).await).is_empty());
    fs::write(world.proj().join(".envrc"), "one").unwrap();
    let mut review = reviewed(&cx).await;
    assert_eq!(paths(&review), [".envrc"]);
    let all = review.findings.clone();
    assert_eq!(review.accept(all).await.unwrap().len(), 1);
    assert!(review.findings.is_empty());
    drop(review);
    let review = reviewed(&cx).await;
    assert_eq!((paths(&review).len(), review.accepted), (0, 1));
    drop(review);
    fs::write(world.proj().join(".envrc"), "two").unwrap();
    assert_eq!(paths(&reviewed(&cx).await), [".envrc"]);
}

#[tokio::test]
async fn what_is_put_back_can_be_brought_back() {
    let world = World::new();
    let envrc = world.proj().join(".envrc");
    fs::write(&envrc, "mine").unwrap();
    let cx = begun(&world).await;
    fs::write(&envrc, "theirs").unwrap();
    fs::write(world.proj().join("Makefile"), "theirs").unwrap();
    fs::write(world.proj().join("work"), "theirs").unwrap();
    let mut review = reviewed(&cx).await;
    let all = review.findings.clone();
    let settled = review.put_back(all).await.unwrap();
    assert_eq!((settled.done.len(), settled.failed.len(), review.findings.len()), (2, 0, 0));
    drop(review);
    assert_eq!(fs::read_to_string(&envrc).unwrap(), "mine");
    assert!(!world.proj().join("Makefile").exists());
    assert_eq!(fs::read_to_string(world.proj().join("work")).unwrap(), "theirs");
    let undo = settled.undo.unwrap().to_string();
    let planned = rewind::plan(&cx, &undo, SlotChoice::Auto, &[Part::Workspace]).await.unwrap();
    rewind::rewind(&cx, &planned, SlotChoice::Auto).await.unwrap();
    assert_eq!(fs::read_to_string(&envrc).unwrap(), "theirs");
}

#[tokio::test]
async fn no_link_is_followed_when_files_are_put_back() {
    let world = World::new();
    let (sub, outside) = (world.proj().join("sub"), world.home().join("outside"));
    fs::create_dir(&sub).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join(".envrc"), "host").unwrap();
    fs::write(sub.join(".envrc"), "mine").unwrap();
    let cx = begun(&world).await;
    fs::write(sub.join(".envrc"), "theirs").unwrap();
    symlink(outside.join(".envrc"), world.proj().join(".envrc")).unwrap();
    let mut review = reviewed(&cx).await;
    // both of the link, as what a shell runs and as a way out
    assert_eq!(paths(&review), [".envrc", ".envrc", "sub/.envrc"]);
    fs::rename(&sub, world.proj().join("moved")).unwrap();
    symlink(&outside, &sub).unwrap();
    let all = review.findings.clone();
    let settled = review.put_back(all).await.unwrap();
    assert_eq!((settled.done.len(), settled.failed.len()), (2, 1), "{settled:?}");
    assert!(!world.proj().join(".envrc").is_symlink());
    assert_eq!(fs::read_to_string(outside.join(".envrc")).unwrap(), "host");
    assert!(!outside.join(".envrc").is_symlink());
}

#[tokio::test]
async fn what_is_in_quarantine_runs_nowhere_and_is_named() {
    let world = World::new();
    let cx = begun(&world).await;
    let tool = world.proj().join("Makefile");
    fs::write(&tool, "all:\n").unwrap();
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    let mut review = reviewed(&cx).await;
    let (all, id) = (review.findings.clone(), review.findings[0].id.clone());
    let (settled, dir) = review.quarantine(all).await.unwrap();
    assert_eq!(settled.done.len(), 1);
    assert!(!tool.exists());
    assert!(dir.starts_with(world.home().join(".cci/quarantine")));
    assert_eq!(fs::read_to_string(dir.join(&id)).unwrap(), "all:\n");
    assert_eq!(fs::metadata(dir.join(&id)).unwrap().permissions().mode() & 0o7777, 0o600);
    let list = fs::read_to_string(dir.join("findings.json")).unwrap();
    assert!(list.contains("\"path\": \"Makefile\"") && list.contains(&id), "{list}");
}

#[tokio::test]
async fn what_nobody_can_look_at_is_neither_accepted_nor_removed() {
    let world = World::new();
    let cx = begun(&world).await;
    let fifo = world.proj().join(".envrc");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let mut review = reviewed(&cx).await;
    assert_eq!(paths(&review), [".envrc"]);
    let all = review.findings.clone();
    assert!(review.accept(all.clone()).await.unwrap().is_empty());
    let settled = review.put_back(all).await.unwrap();
    assert_eq!((settled.done.len(), settled.failed.len(), review.findings.len()), (0, 1, 1));
    assert!(fifo.exists());
}
