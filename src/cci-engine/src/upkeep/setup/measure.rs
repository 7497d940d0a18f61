//! Measures a real clone on the pool: the cost of a launch before anything runs.

use std::time::{Duration, Instant};

use cci_core::Result;
use cci_core::machine::MachineSpec;
use cci_core::mark::Marks;
use cci_incus::Source;

use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::instance::create::create;
use crate::instance::remove::remove_launched;
use crate::launch::launch_mark;

/// Unpacking an image for the first time.
const LIMIT: Duration = Duration::from_secs(180);

/// How long creating a container from the configured image takes; `None` if there is no such image.
pub async fn measure(cx: &Context) -> Result<Option<Duration>> {
    let during = "measure a clone";
    let Some(image) = cx.client.image_by(&cx.settings.defaults.image).await.during(during)? else {
        return Ok(None);
    };
    let launch = launch_mark();
    let name = format!("{}doctor-{}", cx.prefix.as_str(), &launch[..8]);
    let marks = Marks::of_build(cx.caller.ids.uid, &launch);
    let machine = MachineSpec { ephemeral: false, ..MachineSpec::own_work(name.clone(), marks) };
    let began = Instant::now();
    create(cx, &machine, Source::fingerprint(image.fingerprint), false, during, LIMIT).await.during(during)?;
    let took = began.elapsed();
    remove_launched(&cx.client, &name, &launch).await?;
    Ok(Some(took))
}
