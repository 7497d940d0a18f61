//! The plain verbs on any container of the project: start, stop, delete, look, mount.

use std::path::Path;
use std::time::Duration;

use cci_core::{Error, Result};
use cci_incus::{Device, Devices, Instance, InstancePatch, StateChange, Status};

use super::context::Context;
use super::incus_error::DuringStep;
use super::launch;
use super::take_back;

/// How long Incus may take for a start, a forced stop or a delete.
const LIMIT: Duration = Duration::from_secs(60);
/// Added to the deadline of a graceful stop, which is Incus's own.
const MARGIN: Duration = Duration::from_secs(5);

/// A directory of the host for a container.
pub(crate) struct Mounting<'a> {
    pub(crate) device: &'a str,
    pub(crate) source: &'a Path,
    pub(crate) path: &'a str,
    pub(crate) shift: bool,
    pub(crate) readonly: bool,
}

/// Any instance of the project.
pub(crate) async fn find(cx: &Context, name: &str) -> Result<Instance> {
    match cx.client.instance(name).await {
        Ok((instance, _)) => Ok(instance),
        Err(error) if error.is_not_found() => Err(Error::ContainerNotFound { name: name.to_owned() }),
        Err(error) => Err(error).during("look at the container"),
    }
}

/// The same, or an error that says that it does not run.
pub(crate) async fn find_running(cx: &Context, name: &str) -> Result<Instance> {
    let instance = find(cx, name).await?;
    if instance.status_code == Status::Running {
        Ok(instance)
    } else {
        Err(Error::ContainerNotRunning { name: name.to_owned() })
    }
}

/// Starts it; one that runs is what is wanted.
pub(crate) async fn start(cx: &Context, name: &str) -> Result<()> {
    match find(cx, name).await?.status_code {
        Status::Running => Ok(()),
        Status::Frozen => change(cx, name, &StateChange::new(cci_incus::StateAction::Unfreeze), "resume", LIMIT).await,
        _ => change(cx, name, &StateChange::start(), "start", LIMIT).await,
    }
}

/// Asks it to stop, and stops it at once when the time is over; `None` does not ask.
pub(crate) async fn stop(cx: &Context, name: &str, within: Option<Duration>) -> Result<()> {
    if find(cx, name).await?.status_code == Status::Stopped {
        return Ok(());
    }
    if let Some(within) = within {
        let gentle = StateChange::stop_within(u32::try_from(within.as_secs()).unwrap_or(u32::MAX));
        if change(cx, name, &gentle, "stop", within + MARGIN).await.is_ok() || is_down(cx, name).await {
            return Ok(());
        }
        cx.reporter.note(&format!("Container {name} did not stop in {} s, stopping it at once", within.as_secs()));
    }
    let forced = change(cx, name, &StateChange::kill(), "stop", LIMIT).await;
    if is_down(cx, name).await { Ok(()) } else { forced }
}

/// Deletes it; a running one only with `force`.
pub(crate) async fn delete(cx: &Context, name: &str, force: bool) -> Result<()> {
    let instance = find(cx, name).await?;
    if instance.status_code != Status::Stopped {
        if !force {
            return Err(Error::ContainerRunning { name: name.to_owned() });
        }
        stop(cx, name, None).await?;
    }
    let step = "delete the container";
    let deleted = async { cx.client.delete_instance(name).await?.wait(step, LIMIT).await };
    match deleted.await {
        Ok(_) => Ok(()),
        Err(error) => match find(cx, name).await {
            // Incus deletes an ephemeral one by itself
            Err(Error::ContainerNotFound { .. }) => Ok(()),
            _ => Err(error).during(step),
        },
    }
}

/// Whether it is there; one whose end was asked for is not.
pub(crate) async fn exists(cx: &Context, name: &str) -> Result<bool> {
    Ok(state(cx, name).await?.is_some())
}

/// Whether it runs.
pub(crate) async fn is_running(cx: &Context, name: &str) -> Result<bool> {
    Ok(state(cx, name).await? == Some(Status::Running))
}

/// Mounts a host directory into a container; what is there under that name stays.
pub(crate) async fn mount(cx: &Context, name: &str, mounting: &Mounting<'_>) -> Result<()> {
    let instance = find(cx, name).await?;
    if instance.expanded_devices.contains_key(mounting.device) {
        return Err(Error::StepFailed {
            step: format!("mounting into container {name}"),
            problem: format!("device {} is there already", mounting.device),
            hint: Some("choose another device name".into()),
        });
    }
    let (host, path) = launch::mountable(cx, mounting.source, mounting.path)?;
    let source = host.to_str().ok_or_else(|| Error::usage("Incus takes only paths that are UTF-8"))?;
    let mut device = Device::from([("type", "disk"), ("source", source), ("path", &path)].map(owned));
    if mounting.shift {
        cx.reporter.warn("idmap shift: root in the container is host root on the mounted directory");
        device.insert("shift".into(), "true".into());
    }
    if mounting.readonly {
        device.insert("readonly".into(), "true".into());
    }
    let devices = Devices::from([(mounting.device.to_owned(), device)]);
    let change = InstancePatch { devices, ..InstancePatch::default() };
    cx.client.patch_instance(name, &change, None).await.during("mount the directory")
}

fn owned((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

async fn change(cx: &Context, name: &str, change: &StateChange, verb: &str, limit: Duration) -> Result<()> {
    let changed =
        async { cx.client.change_state(name, change).await?.wait("change the container's state", limit).await };
    changed.await.map(drop).during(&format!("{verb} container {name}"))
}

async fn is_down(cx: &Context, name: &str) -> bool {
    match find(cx, name).await {
        Ok(instance) => instance.status_code == Status::Stopped,
        Err(error) => matches!(error, Error::ContainerNotFound { .. }),
    }
}

async fn state(cx: &Context, name: &str) -> Result<Option<Status>> {
    let instance = match find(cx, name).await {
        Ok(instance) => instance,
        Err(Error::ContainerNotFound { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    if instance.ephemeral && is_leaving(cx, name).await? {
        return Ok(None);
    }
    Ok(Some(instance.status_code))
}

/// Whether Incus is at work to end it.
async fn is_leaving(cx: &Context, name: &str) -> Result<bool> {
    let pending = take_back::pending(&cx.client, name).await?;
    let ends = ["Stopping instance", "Deleting instance", "Cleaning up instance"];
    Ok(pending.iter().any(|operation| ends.contains(&operation.description())))
}
