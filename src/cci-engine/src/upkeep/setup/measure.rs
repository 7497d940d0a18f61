//! Measures a real clone on the pool: what a launch costs before anything runs.

use std::time::{Duration, Instant};

use cci_core::Result;
use cci_core::mark::Marks;
use cci_incus::{NewInstance, Source};

use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::instance::remove::remove_launched;
use crate::launch::launch_mark;
use crate::ledger::Made;

/// Unpacking an image for the first time.
const LIMIT: Duration = Duration::from_secs(180);

/// How long it takes to make a container from the image of the settings; `None` if there is no such image.
pub async fn measure(cx: &Context) -> Result<Option<Duration>> {
    let during = "measure a clone";
    let Some(image) = cx.client.image_by(&cx.settings.defaults.image).await.during(during)? else {
        return Ok(None);
    };
    let launch = launch_mark();
    let name = format!("{}doctor-{}", cx.prefix.as_str(), &launch[..8]);
    let marks = Marks::of_build(cx.caller.ids.uid, &launch);
    let new = NewInstance {
        config: marks.to_config(),
        ..NewInstance::new(name.clone(), Source::fingerprint(image.fingerprint))
    };
    cx.scope.ledger.push(Made::Instance { name: name.clone(), launch: launch.clone() });
    let began = Instant::now();
    let operation = cx.client.create_instance(&new).await.during(during)?;
    operation.wait(during, LIMIT).await.during(during)?;
    let took = began.elapsed();
    remove_launched(&cx.client, &name, &launch).await?;
    Ok(Some(took))
}
