//! The same client over HTTPS, with a daemon of its own.

use std::path::Path;

use cci_incus::{Auth, Client, Disk, Error, Exec, HttpsRemote, NewImage, NewInstance, NewStoragePool, Source};
use tokio::process::Command;

use crate::support::{Daemon, LIMIT, tiny_image};

/// A client certificate and its key, as PEM.
async fn certificate(directory: &Path) -> (String, String) {
    let (certificate, key) = (directory.join("client.crt"), directory.join("client.key"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=test", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .await
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    (std::fs::read_to_string(certificate).unwrap(), std::fs::read_to_string(key).unwrap())
}

async fn remote(daemon: &Daemon, directory: &Path) -> HttpsRemote {
    let (client_cert_pem, client_key_pem) = certificate(directory).await;
    let server_cert_pin = daemon.client().server().await.unwrap().environment.certificate_fingerprint;
    HttpsRemote { url: daemon.listen().await, client_cert_pem, client_key_pem, server_cert_pin }
}

#[tokio::test]
async fn a_trusted_client_does_over_https_what_it_does_on_the_socket() {
    let daemon = Daemon::start().await;
    let directory = tempfile::tempdir().unwrap();
    let remote = remote(&daemon, directory.path()).await;
    let client = Client::https(&remote).unwrap();
    assert_eq!(client.server().await.unwrap().auth, Auth::Untrusted);
    assert!(client.instances().await.unwrap_err().is_forbidden());

    daemon.client().trust_certificate("test", &remote.client_cert_pem).await.unwrap();

    assert_eq!(client.server().await.unwrap().auth, Auth::Trusted);
    let pool = NewStoragePool { name: "p".into(), driver: "dir".into(), ..NewStoragePool::default() };
    client.create_storage_pool(&pool).await.unwrap();
    let (metadata, rootfs) = tiny_image(directory.path(), "far").await;
    let image = NewImage::default().alias("far");
    let import = client.import_split(std::fs::read(&metadata).unwrap(), &rootfs, &image, |_| {}).await.unwrap();
    import.wait("the import", LIMIT).await.unwrap();
    let mut new = NewInstance::new("c1", Source::alias("far"));
    new.devices.insert("root".into(), Disk::root("p").into());
    client.create_instance(&new).await.unwrap().wait("the create", LIMIT).await.unwrap();

    let sftp = client.sftp("c1").await.unwrap();
    assert_eq!(sftp.read("/etc/content").await.unwrap(), b"far");
    sftp.close().await.unwrap();
    let mut events = client.events(&[cci_incus::EventKind::Lifecycle], true).await.unwrap();
    client.delete_instance("c1").await.unwrap().wait("the delete", LIMIT).await.unwrap();
    let event = tokio::time::timeout(LIMIT, events.next()).await.unwrap().unwrap().unwrap();
    assert!(matches!(event.body, cci_incus::EventBody::Lifecycle(_)), "{event:?}");
    // a refusal is the same as on the socket
    let error = client.exec("c1", &Exec::new(["true"])).await.unwrap_err();
    assert!(error.is_not_found(), "{error:?}");
}

#[tokio::test]
async fn another_server_certificate_is_refused() {
    let daemon = Daemon::start().await;
    let directory = tempfile::tempdir().unwrap();
    let mut remote = remote(&daemon, directory.path()).await;
    let good = remote.server_cert_pin.clone();
    remote.server_cert_pin = good.chars().rev().collect();

    let error = Client::https(&remote).unwrap().server().await.unwrap_err();

    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    remote.server_cert_pin = good;
    Client::https(&remote).unwrap().server().await.unwrap();
}

#[test]
fn what_cannot_be_read_is_said_before_anything_is_sent() {
    let remote = HttpsRemote {
        url: "https://127.0.0.1:1".into(),
        client_cert_pem: String::new(),
        client_key_pem: String::new(),
        server_cert_pin: String::new(),
    };
    let error = Client::https(&remote).unwrap_err();
    assert_eq!(error.to_string(), "cannot read the client key for https://127.0.0.1:1");
}
