//! Creates an image from a container, which keeps running: a running one is packed from a snapshot.

use std::time::Duration;

use cci_core::mark::LAUNCH;
use cci_core::{Error, Result};
use cci_incus::{Instance, NewImage, NewSnapshot, Publish, Status};
use schemars::JsonSchema;
use serde::Serialize;

use super::{owner, remove_if_nameless};
use crate::context::Context;
use crate::event::{Activity, Event, ImageEvent};
use crate::image_build::move_alias;
use crate::incus_error::DuringStep;
use crate::incus_progress::incus_progress;
use crate::instance::ownership;
use crate::launch::{NOTED, RESOLV_PROPERTY, launch_mark};
use crate::ledger::Made;

/// For packing two gigabytes on a slow disk.
const LIMIT: Duration = Duration::from_secs(20 * 60);
/// For creating or removing a snapshot.
const SNAPSHOT: Duration = Duration::from_secs(120);

/// What to publish.
#[derive(Debug)]
pub struct Ask {
    /// The container, running or stopped.
    pub container: String,
    /// The alias of the new image.
    pub alias: String,
    /// One line for people; a default if none is given.
    pub description: Option<String>,
    /// Whether the alias may be moved from the image that has it.
    pub force: bool,
}

/// The new image.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Published {
    /// Its name.
    pub alias: String,
    /// SHA-256 of its files, as hex.
    pub fingerprint: String,
}

/// Creates the image and names it last, so that the name never means a half-made one.
pub async fn publish(cx: &Context, ask: &Ask) -> Result<Published> {
    let instance = ownership::find(cx, &ask.container).await?;
    let taken = cx.client.alias(&ask.alias).await.during("look for the image")?;
    if taken.is_some() && !ask.force {
        return Err(Error::ImageExists { image: ask.alias.clone() });
    }
    if let Some(before) = &taken {
        owner::refuse_anothers_name(cx, &before.target).await?;
    }
    let mark = launch_mark();
    let fingerprint = if instance.status_code == Status::Stopped {
        pack(cx, &instance.name, &instance, ask, &mark).await?
    } else {
        let snapshot = Snapshot::make(cx, &instance.name, &mark).await?;
        let fingerprint = pack(cx, &snapshot.source(), &instance, ask, &mark).await?;
        snapshot.remove(cx).await?;
        fingerprint
    };
    move_alias(cx, &ask.alias, &fingerprint).await?;
    if let Some(before) = taken {
        remove_if_nameless(cx, &before.target).await?;
    }
    Ok(Published { alias: ask.alias.clone(), fingerprint })
}

fn image(cx: &Context, ask: &Ask, instance: &Instance, mark: &str) -> NewImage {
    let described = ask.description.clone().unwrap_or_else(|| format!("published from container {}", ask.container));
    let image = owner::with_owner(cx, NewImage::default()).property("description", described).property(LAUNCH, mark);
    match instance.config.get(&format!("{NOTED}{RESOLV_PROPERTY}")) {
        Some(resolv) => image.property(RESOLV_PROPERTY, resolv),
        None => image,
    }
}

async fn pack(cx: &Context, source: &str, instance: &Instance, ask: &Ask, mark: &str) -> Result<String> {
    let during = "publish the image";
    cx.scope.ledger.push(Made::Images { launch: mark.to_owned(), alias: ask.alias.clone() });
    cx.emit(ImageEvent::Publishing);
    // gzip, the server's own, takes eight times as long for the same size
    let publish = Publish {
        instance: source.to_owned(),
        compression_algorithm: Some("zstd".to_owned()),
        image: image(cx, ask, instance, mark),
    };
    let operation = cx.client.publish(&publish).await.during(during)?;
    let done =
        operation.wait_with_progress(during, LIMIT, incus_progress(cx, Activity::PublishImage)).await.during(during)?;
    cx.emit(Event::Idle);
    let fingerprint = done.metadata["fingerprint"].as_str();
    fingerprint.map(str::to_owned).ok_or_else(|| Error::Internal("a published image has no fingerprint".into()))
}

/// A running container as it was at one moment.
struct Snapshot {
    container: String,
    name: String,
    made: Made,
}

impl Snapshot {
    async fn make(cx: &Context, container: &str, mark: &str) -> Result<Self> {
        let during = "take a snapshot of the container";
        let name = format!("cci-publish-{mark}");
        let made = Made::Snapshot { container: container.to_owned(), name: name.clone() };
        cx.scope.ledger.push(made.clone());
        let new = NewSnapshot { name: name.clone(), ..NewSnapshot::default() };
        let operation = cx.client.create_snapshot(container, &new).await.during(during)?;
        operation.wait(during, SNAPSHOT).await.during(during)?;
        Ok(Self { container: container.to_owned(), name, made })
    }

    fn source(&self) -> String {
        format!("{}/{}", self.container, self.name)
    }

    async fn remove(self, cx: &Context) -> Result<()> {
        let during = "remove the snapshot";
        let operation = cx.client.delete_snapshot(&self.container, &self.name).await.during(during)?;
        operation.wait(during, SNAPSHOT).await.during(during)?;
        cx.scope.ledger.forget(&self.made);
        Ok(())
    }
}
