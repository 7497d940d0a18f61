//! Removes the images of a failed call.

use std::time::Duration;

use cci_core::Result;
use cci_core::mark::{self, LAUNCH};

use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::instance::operations::unfinished;

/// How long a removal may take.
const LIMIT: Duration = Duration::from_secs(120);
/// How long to wait for other work on images, which cannot be told from ours.
const IMPORT: Duration = Duration::from_secs(10);

/// Removes the images with this launch label and without this alias; whether there were any.
///
/// The alias is set last: an image that has it is complete, even if the answer to that request was lost.
pub(crate) async fn remove_launched(cx: &Context, launch: &str, alias: &str) -> Result<bool> {
    let client = &cx.client;
    let step = "remove the image";
    let mut removed = false;
    // an import whose request was dropped may still be running, and its image would appear afterwards
    for operation in unfinished(client).await? {
        if !operation.resources().contains_key("instances") {
            let _ = operation.wait(step, IMPORT).await;
        }
    }
    for image in client.images().await.during(step)? {
        let marked = image.properties.get(LAUNCH).is_some_and(|mark| mark == launch);
        let ours = marked && mark::owner(&image.properties).is_none_or(|owner| owner == cx.caller.ids.uid);
        if !ours || image.aliases.iter().any(|name| name.name == alias) {
            continue;
        }
        removed = true;
        match client.delete_image(&image.fingerprint).await {
            Ok(operation) => operation.wait(step, LIMIT).await.map(drop).during(step)?,
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error).during(step),
        }
    }
    Ok(removed)
}
