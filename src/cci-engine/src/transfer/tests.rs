//! What a transfer refuses before anything is sent, against a daemon in memory.

use std::time::Duration;

use cci_core::{Error, Result};

use super::{Moved, Pull, Push, Remote, pull, push};
use crate::testing::{ANOTHER, World, write};

async fn pushed(world: &World, from: &str, to: &str, recursive: bool) -> Result<Moved> {
    let to = Remote::parse(to).unwrap();
    let ask = Push { from: world.proj().join(from), to, recursive, uid: None, gid: None, mode: None };
    push(&world.cx(), &ask).await
}

async fn pulled(world: &World, from: &str, to: &str, recursive: bool) -> Result<Moved> {
    let from = Remote::parse(from).unwrap();
    let silence = Duration::from_secs(30);
    let ask = Pull { from, to: world.proj().join(to), recursive, max_entries: 100, silence };
    pull(&world.cx(), &ask).await
}

fn refusal(done: Result<Moved>) -> Error {
    done.map(|_| ()).unwrap_err()
}

#[tokio::test]
async fn a_directory_is_pushed_only_with_everything_in_it() {
    let world = World::new();
    let error = refusal(pushed(&world, ".", "cci-a-1:/tmp", false).await);
    assert!(matches!(&error, Error::Usage { hint: Some(hint), .. } if hint.contains("-r")), "{error:?}");
    assert_eq!(world.daemon.count("GET /1.0/instances/*"), 0, "no container is looked at");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_pushed() {
    let world = World::new();
    let error = refusal(pushed(&world, "missing", "cci-a-1:/tmp", false).await);
    assert!(matches!(error, Error::Host { .. }), "{error:?}");
    assert_eq!(world.daemon.count("GET /1.0/instances/*"), 0, "no container is looked at");
}

#[tokio::test]
async fn nothing_is_pushed_into_what_is_not_there_or_another_users() {
    let world = World::new();
    write(&world.proj().join("file"), "text");
    let error = refusal(pushed(&world, "file", "cci-a-1:/tmp", false).await);
    assert!(matches!(error, Error::ContainerNotFound { .. }));
    world.container("cci-a-1").of(ANOTHER).put();
    let error = refusal(pushed(&world, "file", "cci-a-1:/tmp", false).await);
    assert!(matches!(error, Error::NotOwner { .. }));
    assert_eq!(world.daemon.count("POST /1.0/instances/*/exec"), 0);
}

#[tokio::test]
async fn what_the_kernel_makes_while_it_is_read_is_not_pulled_as_an_empty_file() {
    let world = World::new();
    world.container("cci-a-1").put();
    for path in ["/proc/version", "//proc/version", "/sys/kernel/notes", "/proc"] {
        let error = refusal(pulled(&world, &format!("cci-a-1:{path}"), "file", path == "/proc").await);
        assert!(matches!(&error, Error::Usage { hint: Some(hint), .. } if hint.contains("-- cat ")), "{error:?}");
    }
    assert_eq!(world.daemon.count("POST /1.0/instances/*/exec"), 0);
}

#[tokio::test]
async fn nothing_is_pulled_out_of_what_is_not_there_or_another_users() {
    let world = World::new();
    let error = refusal(pulled(&world, "cci-a-1:/etc/passwd", "file", false).await);
    assert!(matches!(error, Error::ContainerNotFound { .. }));
    world.container("cci-a-1").of(ANOTHER).put();
    let error = refusal(pulled(&world, "cci-a-1:/etc/passwd", "file", false).await);
    assert!(matches!(error, Error::NotOwner { .. }));
    assert_eq!(std::fs::read_dir(world.proj()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_tree_does_not_replace_a_file() {
    let world = World::new();
    world.container("cci-a-1").put();
    write(&world.proj().join("file"), "text");
    let error = refusal(pulled(&world, "cci-a-1:/etc", "file", true).await);
    assert!(error.to_string().contains("is not a directory"), "{error}");
    assert_eq!(std::fs::read_to_string(world.proj().join("file")).unwrap(), "text");
}

#[tokio::test]
async fn a_file_is_not_pulled_into_a_directory_that_is_not_there() {
    let world = World::new();
    world.container("cci-a-1").put();
    let error = refusal(pulled(&world, "cci-a-1:/etc/passwd", "missing/", false).await);
    assert!(error.to_string().contains("does not exist"), "{error}");
    assert_eq!(std::fs::read_dir(world.proj()).unwrap().count(), 0, "and nothing is left next to it");
}
