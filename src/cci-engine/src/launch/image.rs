//! The image of a container: requested at once if a container is created each time, and if one is kept only when it is
//! created.

use std::collections::BTreeMap;

use cci_core::boundary::Boundary;
use cci_core::mark::IMAGE;
use cci_core::plan::LaunchPlan;
use cci_core::{Error, Result};
use tokio::sync::OnceCell;

use crate::context::Context;
use crate::incus_error::DuringStep;

/// The property of an image whose `/etc/resolv.conf` is a plain file, so that another can be mounted over it.
pub(crate) const RESOLV_PROPERTY: &str = "cci.resolv";
/// The prefix of a property that Incus records on the containers of the image.
pub(crate) const NOTED: &str = "image.";
const PLAIN_FILE: &str = "file";
/// The property of an image that has gVisor.
pub(crate) const GVISOR_PROPERTY: &str = "cci.gvisor";

/// The image that the settings name, requested once.
#[derive(Default)]
pub struct Image {
    found: OnceCell<Found>,
}

/// An existing image.
pub struct Found {
    /// Identifies it, also when its alias moves.
    pub fingerprint: String,
    /// Whether another file can be mounted over its `/etc/resolv.conf`.
    pub takes_resolv: bool,
    /// Whether it has gVisor.
    pub(super) has_gvisor: bool,
}

impl Image {
    /// Asks Incus now if a container will most likely be created; a kept one may exist already, and needs no image.
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
            let has_gvisor = found.properties.contains_key(GVISOR_PROPERTY);
            Ok(Found { fingerprint: found.fingerprint, takes_resolv, has_gvisor })
        };
        self.found.get_or_try_init(|| look).await
    }
}

/// Whether an existing container has gVisor, by its configuration.
pub(super) fn has_gvisor(config: &BTreeMap<String, String>) -> bool {
    config.contains_key(&format!("{NOTED}{GVISOR_PROPERTY}"))
}

/// Refuses a launch inside gVisor where there is none.
pub(super) fn check_boundary(plan: &LaunchPlan, has_gvisor: bool) -> Result<()> {
    if plan.boundary != Boundary::Gvisor || has_gvisor {
        return Ok(());
    }
    Err(Error::Config {
        problem: format!("boundary gvisor: image '{}' has no gVisor", plan.image()),
        hint: Some(
            "build one that has it and use it: `cci profile show gvisor --script > gvisor.sh`, \
             `cci build custom cci-gvisor --script gvisor.sh`, then `--profile gvisor`"
                .into(),
        ),
    })
}

/// The plan for an existing container: from the image that it was created from, by its configuration.
pub(crate) fn as_made(plan: &LaunchPlan, config: &BTreeMap<String, String>) -> LaunchPlan {
    let image = config.get(IMAGE).map_or(plan.image(), String::as_str);
    let takes_resolv = config.get(&format!("{NOTED}{RESOLV_PROPERTY}")).is_some_and(|value| value == PLAIN_FILE);
    plan.from_image(image, takes_resolv)
}
