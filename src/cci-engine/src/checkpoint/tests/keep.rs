//! What a kept root file system is, and what is left of one that was not kept.

use cci_core::Error;
use cci_core::checkpoint::Pool;

use super::{COPY, NAME, id, journals, keep, kept, names, world};
use crate::checkpoint::root;
use crate::roll_back::abandoned;
use crate::testing::{World, write};

/// Neither copy nor note is there.
fn assert_nothing_left(world: &World, when: &str) {
    assert!(world.daemon.get(COPY).is_none(), "{when}: the copy");
    assert_eq!(journals(world), 0, "{when}: notes");
    assert!(world.runs(NAME), "{when}: the container goes on");
}

/// What the orchestration writes when a checkpoint is complete.
fn record(world: &World) {
    let hash = world.cx().workspace.hash();
    write(&world.home().join(format!(".cci/checkpoints/{hash}/nodes/{}.json", id())), "{}");
}

#[tokio::test]
async fn a_kept_root_has_a_disk_and_labels_and_cannot_start() {
    let world = world();
    let root = kept(&world.cx(), NAME).await.unwrap();
    assert_eq!((root.instance.as_str(), root.project.as_str()), ("cci-cp-0101010101", "cci-checkpoints"));
    assert_eq!(root.image.as_deref(), Some("cci"));
    let copy = world.daemon.get(COPY).unwrap();
    assert_eq!(names(&copy["devices"]), ["root"]);
    assert_eq!(copy["devices"]["root"]["pool"], "default");
    assert_eq!(
        (&copy["ephemeral"], &copy["status_code"], &copy["profiles"]),
        (&false.into(), &102.into(), &[(); 0][..].into())
    );
    let config = &copy["config"];
    let others: Vec<&str> = names(config).into_iter().filter(|key| !key.starts_with("user.cci.")).collect();
    assert_eq!(others, ["image.cci.resolv", "raw.lxc", "security.guestapi", "security.privileged"]);
    assert!(config["raw.lxc"].as_str().unwrap().contains("/bin/false"));
    assert_eq!(
        (&config["user.cci.kind"], &config["user.cci.checkpoint"]),
        (&"checkpoint".into(), &"0101010101".into())
    );
    assert_eq!(config["user.cci.workspace"], world.proj().to_str().unwrap());
    assert_eq!(journals(&world), 0);
}

#[tokio::test]
async fn what_was_not_recorded_goes_with_a_killed_command_and_what_was_stays() {
    let world = world();
    keep(&world.cx(), NAME).await.unwrap();
    assert!(world.daemon.get(COPY).is_some());
    abandoned(&world.cx()).await;
    assert_nothing_left(&world, "killed before the record");
    keep(&world.cx(), NAME).await.unwrap();
    record(&world);
    abandoned(&world.cx()).await;
    assert!(world.daemon.get(COPY).is_some());
    assert_eq!(journals(&world), 0);
}

#[tokio::test]
async fn each_request_can_be_lost_and_nothing_is_left() {
    let undisturbed = world();
    kept(&undisturbed.cx(), NAME).await.unwrap();
    let requests = undisturbed.requests();
    assert!(requests.len() >= 8, "{requests:?}");
    for (n, request) in requests.iter().enumerate() {
        // of the requests of this form, this one
        let nth = requests[..=n].iter().filter(|other| alike(other) == alike(request)).count();
        for cut in [false, true] {
            let world = world();
            let rule = world.daemon.on(&alike(request)).nth(nth);
            if cut {
                rule.cut();
            } else {
                rule.lose();
            }
            let done = kept(&world.cx(), NAME).await;
            abandoned(&world.cx()).await;
            if done.is_err() {
                assert_nothing_left(&world, &format!("{request}, cut: {cut}"));
            }
        }
    }
}

/// A request with the id of an operation left open.
fn alike(request: &str) -> String {
    let segments = request.split('/').map(|part| if part.starts_with("00000000-") { "*" } else { part });
    segments.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn a_killed_command_leaves_nothing_whenever_it_is_killed() {
    let world = world();
    let cx = world.cx();
    let subject = root::subject(&cx, NAME).await.unwrap();
    root::copied(root::prepared(&cx, &subject, &id()).await.unwrap()).await.unwrap();
    assert!(world.daemon.get(COPY).is_some());
    drop(cx);
    abandoned(&world.cx()).await;
    assert_nothing_left(&world, "killed after the copy");
}

#[tokio::test]
async fn a_container_that_ended_has_no_root_to_keep() {
    let world = world();
    let cx = world.cx();
    let subject = root::subject(&cx, NAME).await.unwrap();
    let prepared = root::prepared(&cx, &subject, &id()).await.unwrap();
    world.daemon.remove(&format!("/1.0/instances/{NAME}"));
    let gone = root::copied(prepared).await.unwrap_err();
    assert!(matches!(gone, Error::ContainerNotFound { .. }), "{gone}");
}

#[tokio::test]
async fn nothing_is_written_to_the_container_that_is_copied() {
    let world = world();
    kept(&world.cx(), NAME).await.unwrap();
    let written: Vec<String> = world.requests().into_iter().filter(|request| !request.starts_with("GET ")).collect();
    let to_it = format!("/1.0/instances/{NAME}");
    assert!(!written.is_empty() && written.iter().all(|request| !request.contains(&to_it)), "{written:?}");
}

#[tokio::test]
async fn the_pool_says_what_a_copy_costs() {
    let world = world();
    let cx = world.cx();
    let subject = root::subject(&cx, NAME).await.unwrap();
    assert_eq!(root::pool(&cx, &subject).await.unwrap(), Pool::Full);
    let pool = serde_json::json!({"name": "default", "driver": "btrfs", "config": {}});
    world.daemon.put("/1.0/storage-pools/default", pool);
    assert_eq!(root::pool(&cx, &subject).await.unwrap(), Pool::CopyOnWrite);
}
