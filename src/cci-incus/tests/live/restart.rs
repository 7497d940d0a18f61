//! A daemon that restarts: nothing hangs, and the client works again when it is back.

use cci_incus::{Client, Disk, EventKind, Exec, NewImage, NewInstance, NewStoragePool, Source, StateChange};
use tokio::time::timeout;

use crate::support::{Daemon, LIMIT, base_image};

/// A running container in a daemon that has nothing yet.
async fn launch(client: &Client) {
    let pool = NewStoragePool { name: "p".into(), driver: "dir".into(), ..NewStoragePool::default() };
    client.create_storage_pool(&pool).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (metadata, rootfs) = base_image(directory.path()).await;
    let image = NewImage::default().alias("base");
    let import = client.import_split(std::fs::read(&metadata).unwrap(), &rootfs, &image, |_| {}).await.unwrap();
    import.wait("the import", LIMIT).await.unwrap();
    let mut new = NewInstance::new("c1", Source::alias("base"));
    new.devices.insert("root".into(), Disk::root("p").into());
    new.start = true;
    client.create_instance(&new).await.unwrap().wait("the create", LIMIT).await.unwrap();
}

#[tokio::test]
async fn waits_end_when_the_daemon_dies_and_the_client_serves_the_next_one() {
    let mut daemon = Daemon::start().await;
    let client = daemon.client();
    launch(&client).await;
    let mut process = client.exec("c1", &Exec::new(["sleep", "1000"])).await.unwrap();
    let mut output = process.stdout.take().unwrap();
    let mut events = client.events(&[EventKind::Lifecycle], false).await.unwrap();

    daemon.kill().await;

    let mut rest = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut output, &mut rest);
    assert!(timeout(LIMIT, read).await.unwrap().is_err(), "a cut stream looks like an ended one");
    assert!(timeout(LIMIT, process.wait()).await.unwrap().is_err());
    assert!(!matches!(timeout(LIMIT, events.next()).await.unwrap(), Some(Ok(_))));
    // a connection that it was still about to accept is only cut
    let gone = async { while !client.server().await.unwrap_err().is_unreachable() {} };
    timeout(LIMIT, gone).await.unwrap();

    daemon.start_again().await;

    client.server().await.unwrap();
    let captured = client.exec_captured("c1", &Exec::new(["echo", "on"]), b"", LIMIT).await.unwrap();
    assert_eq!(captured.stdout, b"on\n");
    let stop = client.change_state("c1", &StateChange::kill()).await.unwrap();
    stop.wait("the stop", LIMIT).await.unwrap();
}

#[tokio::test]
async fn a_daemon_that_has_nothing_yet_lists_nothing() {
    let daemon = Daemon::start().await;
    let client = daemon.client();

    // it answers `null` for these pools
    assert_eq!(client.storage_pools().await.unwrap().len(), 0);
    assert_eq!(client.instances().await.unwrap().len(), 0);
    assert_eq!(client.images().await.unwrap().len(), 0);
    assert_eq!(client.aliases().await.unwrap().len(), 0);
    assert_eq!(client.acls().await.unwrap().len(), 0);
    // a new daemon works on its own for a moment
    assert!(client.operations().await.is_ok());
    let profiles: Vec<String> = client.profiles().await.unwrap().into_iter().map(|profile| profile.name).collect();
    assert_eq!(profiles, ["default"]);
}
