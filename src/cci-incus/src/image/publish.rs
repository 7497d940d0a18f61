//! Images created by the server itself: from an instance, or fetched from an image server.

use serde_json::json;

use super::NewImage;
use crate::{client::Client, error::Result, instance::ImageServer, operation::Operation, request::Request};

/// An image to be created from a stopped instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// The instance, or a snapshot as `instance/snapshot`.
    pub instance: String,
    /// `zstd`, `gzip`, `none`, …; `None` for the server's default, which is the slow gzip.
    pub compression_algorithm: Option<String>,
    /// Names and properties.
    pub image: NewImage,
}

/// An image on another server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSource {
    /// Where it is.
    pub server: ImageServer,
    /// Its name there.
    pub alias: String,
}

impl Client {
    /// Creates an image from an instance (`POST /1.0/images`); the result contains its `fingerprint`.
    pub async fn publish(&self, publish: &Publish) -> Result<Operation> {
        self.start(&published(publish)).await
    }

    /// Fetches an image from another server (`POST /1.0/images`); the operation reports the progress of the download.
    pub async fn copy_image(&self, source: &ImageSource, image: &NewImage) -> Result<Operation> {
        self.start(&copied(source, image)).await
    }
}

fn published(publish: &Publish) -> Request {
    let kind = if publish.instance.contains('/') { "snapshot" } else { "instance" };
    Request::post(["images"], format!("publish instance {}", publish.instance)).json(&json!({
        "source": {"type": kind, "name": publish.instance},
        "compression_algorithm": publish.compression_algorithm.as_deref().unwrap_or_default(),
        "aliases": publish.image.alias_objects(),
        "properties": publish.image.properties,
        "public": publish.image.public,
    }))
}

fn copied(source: &ImageSource, image: &NewImage) -> Request {
    let server = &source.server;
    Request::post(["images"], format!("fetch image {} from {}", source.alias, server.url)).json(&json!({
        "source": {
            "type": "image",
            "mode": "pull",
            "server": server.url,
            "protocol": server.protocol,
            "certificate": server.certificate.as_deref().unwrap_or_default(),
            "alias": source.alias,
        },
        "aliases": image.alias_objects(),
        "properties": image.properties,
        "public": image.public,
        "auto_update": false,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publish_names_its_compression() {
        let publish = Publish {
            instance: "c1".into(),
            compression_algorithm: Some("zstd".into()),
            image: NewImage::default().alias("mine"),
        };
        assert_eq!(
            published(&publish).body.object(),
            json!({
                "source": {"type": "instance", "name": "c1"}, "compression_algorithm": "zstd",
                "aliases": [{"name": "mine", "description": ""}], "properties": {}, "public": false,
            })
        );
    }

    #[test]
    fn a_fetch_names_server_and_protocol() {
        let server = ImageServer { url: "https://i".into(), protocol: "simplestreams".into(), certificate: None };
        let source = ImageSource { server, alias: "debian/12".into() };
        let body = copied(&source, &NewImage::default()).body.object();
        assert_eq!(
            body["source"],
            json!({"type": "image", "mode": "pull", "server": "https://i", "protocol": "simplestreams",
                "certificate": "", "alias": "debian/12"})
        );
    }
}
