//! Images imported, named, created from a container, exported.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use cci_incus::{Client, Error, Exported, ImageServer, ImageSource, NewImage, NewInstance, Publish, Source};

use crate::support::{LIMIT, Project, tiny_image};

/// Imports an image whose only file holds `content`, and returns its fingerprint.
async fn import(client: &Client, content: &str, image: &NewImage) -> String {
    let directory = tempfile::tempdir().unwrap();
    let (metadata, rootfs) = tiny_image(directory.path(), content).await;
    let import = client.import_split(std::fs::read(&metadata).unwrap(), &rootfs, image, |_| {}).await.unwrap();
    let done = import.wait("the import", LIMIT).await.unwrap();
    done.metadata["fingerprint"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_split_image_goes_in_and_comes_out_unchanged() {
    let project = Project::new(&["images"]);
    let client = project.client();
    let directory = tempfile::tempdir().unwrap();
    let (metadata, rootfs) = tiny_image(directory.path(), "hello").await;
    let told = Arc::new(AtomicU64::new(0));
    let sink = Arc::clone(&told);

    let image = NewImage::default().alias("one").alias("t/two").property("description", "x & y");
    let import = client
        .import_split(std::fs::read(&metadata).unwrap(), &rootfs, &image, move |uploaded| {
            assert!(uploaded.sent <= uploaded.total);
            sink.store(uploaded.sent, Ordering::Relaxed);
        })
        .await
        .unwrap();
    import.wait("the import", LIMIT).await.unwrap();

    let size = std::fs::metadata(&metadata).unwrap().len() + std::fs::metadata(&rootfs).unwrap().len();
    assert_eq!(told.load(Ordering::Relaxed), size);
    let image = client.image_by("t/two").await.unwrap().unwrap();
    assert_eq!(image.properties["description"], "x & y");
    assert_eq!(image.aliases.len(), 2);
    let out = tempfile::tempdir().unwrap();
    let exported = client.export_image(&image.fingerprint, out.path()).await.unwrap();
    let Exported::Split { metadata: meta_out, rootfs: root_out } = exported else { panic!("{exported:?}") };
    assert_eq!(std::fs::read(meta_out).unwrap(), std::fs::read(metadata).unwrap());
    assert_eq!(std::fs::read(root_out).unwrap(), std::fs::read(rootfs).unwrap());
}

#[tokio::test]
async fn an_alias_moves_in_one_step() {
    let project = Project::new(&["images"]);
    let client = project.client();
    let first = import(&client, "1", &NewImage::default()).await;
    let second = import(&client, "2", &NewImage::default()).await;

    client.create_alias("a", &first).await.unwrap();
    assert!(client.create_alias("a", &second).await.unwrap_err().is_conflict());
    client.point_alias("a", &second).await.unwrap();
    assert_eq!(client.alias("a").await.unwrap().unwrap().target, second);
    assert_eq!(client.alias("b").await.unwrap(), None);
    assert_eq!(client.aliases().await.unwrap().len(), 1);

    assert_eq!(client.image_by(&first[..12]).await.unwrap().unwrap().fingerprint, first);
    assert_eq!(client.image_by("a").await.unwrap().unwrap().fingerprint, second);
    assert_eq!(client.image_by("nothing").await.unwrap(), None);
    assert_eq!(client.image_by("0123456789ab").await.unwrap(), None);
    client.delete_image(&second).await.unwrap().wait("the delete", LIMIT).await.unwrap();
    assert_eq!(client.images().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_container_is_published_with_progress() {
    let project = Project::new(&["images"]);
    let client = project.client();
    let name = format!("{}-p", project.name);
    let fingerprint = import(&client, "published", &NewImage::default()).await;
    let created = client.create_instance(&NewInstance::new(&name, Source::fingerprint(fingerprint))).await.unwrap();
    created.wait("the create", LIMIT).await.unwrap();
    let owner = cci_incus::FileOwner { uid: 0, gid: 0, mode: 0o644 };
    client.push_file(&name, "/etc/large", vec![0; 40 << 20], &owner).await.unwrap();

    let publish = Publish {
        instance: name,
        compression_algorithm: Some("none".into()),
        image: NewImage::default().alias("made").property("description", "d"),
    };
    let operation = client.publish(&publish).await.unwrap();
    let mut told = Vec::new();
    let done = operation.wait_with_progress("the publish", LIMIT, |step| told.push(step.text.clone())).await.unwrap();

    let image = client.image_by("made").await.unwrap().unwrap();
    assert_eq!(done.metadata["fingerprint"], image.fingerprint);
    assert_eq!(image.properties["description"], "d");
    assert!(told.iter().any(|text| text.contains("MB")), "{told:?}");
}

#[tokio::test]
async fn an_image_server_that_does_not_answer_is_a_failed_operation() {
    let project = Project::new(&["images"]);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = ImageServer { url: format!("https://{closed}"), protocol: "simplestreams".into(), certificate: None };
    let source = ImageSource { server, alias: "debian/12".into() };

    let failed = match project.client().copy_image(&source, &NewImage::default()).await {
        Ok(operation) => operation.wait("the download", LIMIT).await.map(drop),
        Err(error) => Err(error),
    };

    assert!(matches!(failed, Err(Error::Operation { .. } | Error::Refused { .. })), "{failed:?}");
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let project = Project::new(&[]);
    let nothing = std::path::Path::new("/no/such/file");
    let (client, image) = (project.client(), NewImage::default());
    let error = client.import_split(Vec::new(), nothing, &image, |_| {}).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot read /no/such/file");
}
