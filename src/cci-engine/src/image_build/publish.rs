//! Publishes the finished container as an image, and names the image.

use std::time::Duration;

use cci_core::{Error, Result};
use cci_incus::{NewImage, Publish};

use super::log::Log;
use super::steps::timed;
use crate::context::Context;
use crate::event::{Activity, BuildStep};
use crate::image::with_owner;
use crate::incus_error::DuringStep;
use crate::incus_progress::incus_progress;
use crate::launch::RESOLV_PROPERTY;

/// For packing two gigabytes on a slow disk.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// What a build notes on its image, beside the owner.
pub(crate) type Properties = Vec<(String, String)>;

/// Creates the image; returns its fingerprint.
pub(crate) async fn publish(cx: &Context, container: &str, properties: Properties, log: &Log) -> Result<String> {
    timed(cx, log, &BuildStep::Publish, async {
        let image = with_owner(cx, NewImage::default()).property(RESOLV_PROPERTY, "file");
        let publish = Publish {
            instance: container.to_owned(),
            // gzip, the server's own, takes eight times as long for the same size
            compression_algorithm: Some("zstd".to_owned()),
            image: properties.into_iter().fold(image, |image, (key, value)| image.property(key, value)),
        };
        let during = "publish the image";
        let operation = cx.client.publish(&publish).await.during(during)?;
        let done = operation
            .wait_with_progress(during, LIMIT, incus_progress(cx, Activity::PublishImage))
            .await
            .during(during)?;
        let fingerprint = done.metadata["fingerprint"].as_str();
        fingerprint.map(str::to_owned).ok_or_else(|| Error::Internal("a published image has no fingerprint".into()))
    })
    .await
}

/// The name with the creation time: `cci-20261121-073001`.
pub(crate) async fn name_by_date(cx: &Context, alias: &str, fingerprint: &str) -> Result<()> {
    let dated = format!("{alias}-{}", jiff::Zoned::now().strftime("%Y%m%d-%H%M%S"));
    match cx.client.create_alias(&dated, fingerprint).await {
        // another build of the same second has it: its image is as new as this one
        Err(error) if error.is_conflict() => Ok(()),
        done => done.during("name the image"),
    }
}

/// Moves the alias to the new image atomically.
pub async fn move_alias(cx: &Context, alias: &str, fingerprint: &str) -> Result<()> {
    match cx.client.point_alias(alias, fingerprint).await {
        Err(error) if error.is_not_found() => cx.client.create_alias(alias, fingerprint).await,
        done => done,
    }
    .during("name the image")
}
