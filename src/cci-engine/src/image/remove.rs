//! Removes images: one by its name, or all but the newest of a series.

use std::time::Duration;

use cci_core::dated_image::{NamedImage, outdated};
use cci_core::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;

use super::owner::refuse_anothers;
use crate::context::Context;
use crate::event::ImageEvent;
use crate::incus_error::DuringStep;

/// How long Incus may take to remove an image.
const LIMIT: Duration = Duration::from_secs(120);

/// An image that was removed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Deleted {
    /// SHA-256 of its files, as hex.
    pub fingerprint: String,
    /// The names it had.
    pub aliases: Vec<String>,
}

/// What a cleanup removed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Cleaned {
    /// The removed images, oldest first.
    pub deleted: Vec<Deleted>,
}

/// Removes the image of this alias or fingerprint, with all its names.
pub async fn delete(cx: &Context, name: &str) -> Result<Deleted> {
    let not_found = || Error::ImageNotFound { image: name.to_owned() };
    let image = cx.client.image_by(name).await.during("look for the image")?.ok_or_else(not_found)?;
    refuse_anothers(cx, &image).await?;
    if !remove(cx, &image.fingerprint).await? {
        return Err(not_found());
    }
    let aliases = image.aliases.into_iter().map(|alias| alias.name).collect();
    Ok(Deleted { fingerprint: image.fingerprint, aliases })
}

/// Removes what is older than the newest `keep` images of the series `PREFIX…YYYYMMDD-HHMMSS`.
pub async fn cleanup(cx: &Context, prefix: &str, keep: usize) -> Result<Cleaned> {
    let images = cx.client.images().await.during("list the images")?;
    let named: Vec<NamedImage> = images
        .iter()
        .map(|image| NamedImage {
            fingerprint: image.fingerprint.clone(),
            aliases: image.aliases.iter().map(|alias| alias.name.clone()).collect(),
        })
        .collect();
    let mut deleted = Vec::new();
    for fingerprint in outdated(&named, prefix, keep) {
        if let Some(image) = images.iter().find(|image| image.fingerprint == fingerprint)
            && let Err(error) = refuse_anothers(cx, image).await
        {
            cx.emit(ImageEvent::NotRemoved(error));
            continue;
        }
        if remove(cx, &fingerprint).await? {
            let aliases = named.iter().find(|image| image.fingerprint == fingerprint);
            let aliases = aliases.map(|image| image.aliases.clone()).unwrap_or_default();
            deleted.push(Deleted { fingerprint, aliases });
        }
    }
    Ok(Cleaned { deleted })
}

/// Removes an image whose last name has moved to another.
pub(super) async fn remove_if_nameless(cx: &Context, fingerprint: &str) -> Result<()> {
    match cx.client.image(fingerprint).await {
        Ok(image) if image.aliases.is_empty() => remove(cx, fingerprint).await.map(drop),
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error).during("look for the image"),
    }
}

/// Whether it existed: another call may have been quicker.
async fn remove(cx: &Context, fingerprint: &str) -> Result<bool> {
    let during = "delete the image";
    let ended = match cx.client.delete_image(fingerprint).await {
        Ok(operation) => operation.wait(during, LIMIT).await.map(drop),
        Err(error) => Err(error),
    };
    match ended {
        Ok(()) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error).during(during),
    }
}
