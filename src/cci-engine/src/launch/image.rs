//! What a container is made of: asked for at once where one is made each time, and where one is kept only when it is
//! made.

use std::collections::BTreeMap;

use cci_core::mark::IMAGE;
use cci_core::plan::LaunchPlan;
use cci_core::{Error, Result};
use tokio::sync::OnceCell;

use crate::context::Context;
use crate::incus_error::DuringStep;

/// The property of an image whose `/etc/resolv.conf` is a plain file, so that another can be mounted on it.
pub(crate) const RESOLV_PROPERTY: &str = "cci.resolv";
/// What Incus puts before a property where it notes it on the containers of the image.
pub(crate) const NOTED: &str = "image.";
const PLAIN_FILE: &str = "file";

/// The image that the settings name, asked for once.
#[derive(Default)]
pub struct Image {
    found: OnceCell<Found>,
}

/// An image that is there.
pub struct Found {
    /// Which one it is, also when its alias moves.
    pub fingerprint: String,
    /// Whether another file can be mounted on its `/etc/resolv.conf`.
    pub takes_resolv: bool,
}

impl Image {
    /// Asks Incus now, where a container will be made of it, most likely; one that is kept may be there already, and needs
    /// no image.
    pub(super) async fn soon(&self, cx: &Context) -> Result<()> {
        if cx.settings.defaults.persistent {
            return Ok(());
        }
        match self.found(cx).await {
            Err(Error::ImageNotFound { .. }) => Ok(()),
            found => found.map(drop),
        }
    }

    /// Asks Incus, once.
    pub async fn found(&self, cx: &Context) -> Result<&Found> {
        let look = async {
            let image = &cx.settings.defaults.image;
            let found = cx.client.image_by(image).await.during("look for the image")?;
            let found = found.ok_or_else(|| Error::ImageNotFound { image: image.clone() })?;
            let takes_resolv = found.properties.get(RESOLV_PROPERTY).is_some_and(|value| value == PLAIN_FILE);
            Ok(Found { fingerprint: found.fingerprint, takes_resolv })
        };
        self.found.get_or_try_init(|| look).await
    }
}

/// The plan for a container that is there: from the image that it was made of, by its configuration.
pub(crate) fn as_made(plan: &LaunchPlan, config: &BTreeMap<String, String>) -> LaunchPlan {
    let image = config.get(IMAGE).map_or(plan.image(), String::as_str);
    let takes_resolv = config.get(&format!("{NOTED}{RESOLV_PROPERTY}")).is_some_and(|value| value == PLAIN_FILE);
    plan.from_image(image, takes_resolv)
}
