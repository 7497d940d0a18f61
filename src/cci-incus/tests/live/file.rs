//! Files of running and stopped containers, one by one and by SFTP.

use std::time::Duration;

use cci_incus::{Error, FileKind, FileOwner, NewInstance, Source};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Bed, IMAGE, LIMIT, shared};

const OWNER: FileOwner = FileOwner { uid: 1000, gid: 100, mode: 0o640 };

#[tokio::test]
async fn a_file_comes_back_as_it_went_in() {
    let bed = shared();
    let client = bed.client();
    let content: Vec<u8> = (0..=255).cycle().take(3_000_000).collect();
    let path = "/root/a b?&\nü";

    client.push_file(&bed.container, path, content.clone(), &OWNER).await.unwrap();

    let (pulled, meta) = client.pull_file(&bed.container, path).await.unwrap();
    assert!(pulled == content);
    assert_eq!((meta.kind, meta.owner), (FileKind::File, OWNER));
    client.push_file(&bed.container, path, "short", &OWNER).await.unwrap();
    assert_eq!(client.pull_file(&bed.container, path).await.unwrap().0, b"short");
    assert!(client.pull_file(&bed.container, "/root/nothing").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn directories_and_links_are_told_apart() {
    let bed = shared();
    let client = bed.client();
    // the container outlives a run, and SFTP replaces no link; like OpenSSH, Incus takes the target first
    let dir = format!("/root/dir-{}", std::process::id());
    let link = format!("{dir}/link");
    client.make_dir(&bed.container, &dir, &FileOwner { mode: 0o750, ..OWNER }).await.unwrap();
    let sftp = client.sftp(&bed.container).await.unwrap();
    sftp.symlink("../../etc/passwd", &link).await.unwrap();

    // Incus makes the target absolute; SFTP shows it as it is
    let (target, meta) = client.pull_file(&bed.container, &link).await.unwrap();
    assert_eq!((target.as_slice(), meta.kind), (b"/etc/passwd".as_slice(), FileKind::Symlink));
    assert_eq!(sftp.read_link(&link).await.unwrap(), "../../etc/passwd");
    sftp.close().await.unwrap();
    let error = client.pull_file(&bed.container, &dir).await.unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error:?}");
}

#[tokio::test]
async fn sftp_works_in_a_running_container() {
    let bed = shared();
    let client = bed.client();
    let sftp = client.sftp(&bed.container).await.unwrap();
    let content: Vec<u8> = (0..=255).cycle().take(2_000_000).collect();

    let mut file = sftp.create("/root/sftp").await.unwrap();
    file.write_all(&content).await.unwrap();
    file.shutdown().await.unwrap();
    let mut back = Vec::new();
    sftp.open("/root/sftp").await.unwrap().read_to_end(&mut back).await.unwrap();

    assert!(back == content);
    assert_eq!(sftp.metadata("/root/sftp").await.unwrap().size, Some(2_000_000));
    sftp.close().await.unwrap();
}

#[tokio::test]
async fn sftp_works_on_a_stopped_container_and_blocks_its_delete_until_it_is_closed() {
    let bed = Bed::new();
    let client = bed.client();
    let new = NewInstance::new(bed.name("stopped"), Source::alias(IMAGE));
    client.create_instance(&new).await.unwrap().wait("the create", LIMIT).await.unwrap();

    let sftp = client.sftp(&new.name).await.unwrap();
    assert!(sftp.read("/etc/passwd").await.unwrap().starts_with(b"root:"));
    let delete = client.delete_instance(&new.name).await.unwrap();
    let error = delete.wait("the delete", Duration::from_millis(500)).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { still_running: true, .. }), "{error:?}");

    sftp.close().await.unwrap();
    delete.wait("the delete", LIMIT).await.unwrap();
}
