//! The owner of an image: what another user's sessions start from is not removed, and keeps its name.

use cci_core::mark::{self, OWNER};
use cci_core::{Error, Result};
use cci_incus::{Image, NewImage};

use crate::context::Context;
use crate::incus_error::DuringStep;

/// The key by which Incus records on an instance what it was created from.
const BASE: &str = "volatile.base_image";

/// The image, labelled with the caller as its owner.
pub(crate) fn with_owner(cx: &Context, image: NewImage) -> NewImage {
    image.property(OWNER, cx.caller.ids.uid.to_string())
}

/// Refuses what belongs to another user: an image labelled so, or one without a label that only other users' sessions
/// use.
pub(crate) async fn refuse_anothers(cx: &Context, image: &Image) -> Result<()> {
    let caller = cx.caller.ids.uid;
    let owner = mark::owner(&image.properties);
    if caller == 0 || cx.any_owner || owner == Some(caller) {
        return Ok(());
    }
    let name = image.aliases.first().map_or(image.fingerprint.as_str(), |alias| alias.name.as_str());
    let refused = |whose: String| Error::NotOwner {
        problem: format!("image '{name}' {whose}"),
        hint: Some("choose another name, or replace or remove it anyway with --any-owner".into()),
    };
    if let Some(owner) = owner {
        return Err(refused(format!("belongs to user {owner}")));
    }
    let instances = cx.client.instances().await.during("list the containers")?;
    let made_of_it = instances.iter().filter(|made| made.config.get(BASE) == Some(&image.fingerprint));
    match made_of_it.filter_map(|made| mark::owner(&made.config)).find(|owner| *owner != caller) {
        Some(other) => Err(refused(format!("is what containers of user {other} start from"))),
        None => Ok(()),
    }
}

/// The same for the image that has a name; one that was removed belongs to nobody.
pub(crate) async fn refuse_anothers_name(cx: &Context, fingerprint: &str) -> Result<()> {
    match cx.client.image(fingerprint).await {
        Ok(image) => refuse_anothers(cx, &image).await,
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error).during("look for the image"),
    }
}
