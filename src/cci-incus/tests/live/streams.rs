//! Image servers: what they have, and fetching images from them.

use std::time::Duration;

use cci_incus::{Error, ImageServer, ImageSource, ImageStreams, NewImage};

use crate::support::{LIMIT, Project, Web, tiny_image};

#[tokio::test]
async fn a_server_says_what_it_has() {
    let directory = tempfile::tempdir().unwrap();
    let (metadata, rootfs) = tiny_image(directory.path(), "far").await;
    let web = Web::images(&metadata, &rootfs, None).await;
    let streams = ImageStreams::new(&web.url).unwrap();

    let found = streams.find("test/one", "x86_64").await.unwrap().unwrap();

    assert_eq!((found.name.as_str(), found.newest.as_str()), ("test:1:amd64:default", "20261121_01:00"));
    assert_eq!(streams.find("test/one", "aarch64").await.unwrap(), None);
    assert_eq!(streams.find("other", "x86_64").await.unwrap(), None);
}

#[tokio::test]
async fn a_server_without_images_is_told_from_one_that_does_not_answer() {
    let web = Web::serve([].into(), None).await;
    let error = ImageStreams::new(&web.url).unwrap().products().await.unwrap_err();
    assert!(matches!(error, Error::Refused { code: 404, .. }), "{error:?}");

    let url = web.url.clone();
    drop(web);
    let error = ImageStreams::new(&url).unwrap().products().await.unwrap_err();
    assert!(error.is_unreachable() && error.to_string().contains(&url), "{error:?}");
}

#[tokio::test]
async fn an_image_is_fetched_from_a_server() {
    let directory = tempfile::tempdir().unwrap();
    let (metadata, rootfs) = tiny_image(directory.path(), "far").await;
    let web = Web::images(&metadata, &rootfs, None).await;
    let project = Project::new(&["images"]);
    let client = project.client();
    let server = ImageServer { url: web.url.clone(), protocol: "simplestreams".into(), certificate: None };

    let source = ImageSource { server, alias: "test/1".into() };
    let fetch = client.copy_image(&source, &NewImage::default().alias("mine")).await.unwrap();
    let done = fetch.wait_with_progress("the download", LIMIT, |_| {}).await.unwrap();

    let image = client.image_by("mine").await.unwrap().unwrap();
    assert_eq!(done.metadata["fingerprint"], image.fingerprint);
    assert_eq!(image.properties["os"], "test");
}

#[tokio::test]
async fn a_download_that_stalls_is_cancelled() {
    let directory = tempfile::tempdir().unwrap();
    let (metadata, rootfs) = tiny_image(directory.path(), "far").await;
    let web = Web::images(&metadata, &rootfs, Some("/images/root.tar.xz")).await;
    let project = Project::new(&["images"]);
    let client = project.client();
    let server = ImageServer { url: web.url.clone(), protocol: "simplestreams".into(), certificate: None };
    let source = ImageSource { server, alias: "test/1".into() };
    let fetch = client.copy_image(&source, &NewImage::default()).await.unwrap();
    let soon = Duration::from_millis(300);
    let error = fetch.wait("the download", soon).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { still_running: true, .. }), "{error:?}");

    fetch.cancel().await.unwrap();

    let error = fetch.wait("the download", LIMIT).await.unwrap_err();
    assert!(matches!(error, Error::Operation { .. }), "{error:?}");
    assert!(client.images().await.unwrap().is_empty());
}
