//! `container mount`: one more host directory in a container, by the door and under the rules of every launch.
//!
//! Incus follows the path at the mount and at every start. At a start the hook of the disk compares what is shown; a
//! running container is frozen while Incus mounts, and goes on only when the kernel's own table shows what was judged.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cci_core::environment::{STATE, WORKSPACE};
use cci_core::host_disk::{self, HostDisk};
use cci_core::idmap::Idmap;
use cci_core::mark::Marks;
use cci_core::mount::{self, Mount};
use cci_core::workspace::Workspace;
use cci_core::{Error, GuestText, Result};
use cci_incus::{Etag, Instance, InstancePatch, InstancePut, StateAction, StateChange, Status};

use super::context::Context;
use super::host_path;
use super::incus_error::DuringStep;
use super::owned;
use super::undo::Made;
use crate::host::mount_table;

/// How long Incus may take to freeze a container, or to change it.
const LIMIT: Duration = Duration::from_secs(60);

/// What is asked for.
pub(crate) struct Mounting<'a> {
    /// The name of the new device.
    pub(crate) device: &'a str,
    /// The place on the host, as it was typed.
    pub(crate) source: &'a Path,
    /// The place in the container, as it was typed.
    pub(crate) path: &'a str,
    pub(crate) shift: bool,
    pub(crate) readonly: bool,
}

/// Mounts a host directory into a container; a device of that name stays as it is.
pub(crate) async fn mount(cx: &Context, name: &str, mounting: &Mounting<'_>) -> Result<()> {
    let (instance, etag) = owned::find_tagged(cx, name).await?;
    refuse_taken(&instance, mounting)?;
    let disk = judged(cx, &instance, mounting).await?;
    if mounting.shift {
        cx.reporter.warn("idmap shift: root in the container is host root on the mounted directory");
    }
    if instance.status_code != Status::Running {
        return add(cx, &instance, &etag, &disk).await;
    }
    let frozen = Made::Frozen { name: name.to_owned() };
    cx.undo.push(frozen.clone());
    change(cx, name, StateAction::Freeze).await?;
    let added = add_to_frozen(cx, name, &disk).await;
    change(cx, name, StateAction::Unfreeze).await?;
    cx.undo.forget(&frozen);
    added
}

/// The disk as every launch would take it: its source judged behind links, its place one that hides nothing.
async fn judged(cx: &Context, instance: &Instance, mounting: &Mounting<'_>) -> Result<HostDisk> {
    let wanted = Workspace::resolve(&cx.caller.current_dir, mounting.source);
    let source = host_path::judged(wanted.path(), &host_path::protected(&cx.settings, &cx.caller))?;
    for root in host_path::workspaces(cx).await? {
        host_path::stays_inside(wanted.path(), source.path(), &root)?;
    }
    let container = mount::container_path(mounting.path).map_err(|error| host_path::refused(&error))?;
    let own = Marks::from_config(&instance.config).and_then(|marks| marks.workspace);
    let own = own.map_or_else(|| PathBuf::from("/"), |own| host_path::real(&own));
    let mount = Mount { device: mounting.device.to_owned(), source, container, readonly: mounting.readonly };
    mount::check_places(std::slice::from_ref(&mount), &own).map_err(|error| host_path::refused(&error))?;
    // the workspace and the conversation, in which a part may be mounted again, are judged with the place itself
    let others = instance.expanded_devices.values().filter_map(|device| device.get("path"));
    for other in others.filter(|other| ![WORKSPACE, STATE, "/"].contains(&other.as_str())) {
        mount::collide(&mount.container, other).map_err(|error| host_path::refused(&error))?;
    }
    let map = if mounting.shift { Idmap::Shift } else { Idmap::Plain };
    Ok(HostDisk::new(&mount.device, mount.source, &mount.container, &map).readonly(mount.readonly))
}

fn refuse_taken(instance: &Instance, mounting: &Mounting<'_>) -> Result<()> {
    let refused = |problem: String, hint: &str| Error::StepFailed {
        step: format!("mounting into container {}", instance.name),
        problem,
        hint: Some(hint.to_owned()),
    };
    if instance.kind == "virtual-machine" {
        return Err(refused("it is a virtual machine".into(), "cci mounts into containers only"));
    }
    if instance.expanded_devices.contains_key(mounting.device) {
        let problem = format!("device {} is there already", mounting.device);
        return Err(refused(problem, "choose another device name"));
    }
    Ok(())
}

async fn add(cx: &Context, instance: &Instance, etag: &Etag, disk: &HostDisk) -> Result<()> {
    let (devices, config) = host_disk::added(disk, &instance.config);
    let change = InstancePatch { devices, config, ..InstancePatch::default() };
    cx.client.patch_instance(&instance.name, &change, Some(etag)).await.during("mount the directory")
}

/// What the container shows is looked at before anything in it can; another thing than the one that was judged goes.
async fn add_to_frozen(cx: &Context, name: &str, disk: &HostDisk) -> Result<()> {
    let expected = mount_table::place_of(disk.source.path());
    let (instance, etag) = owned::find_tagged(cx, name).await?;
    add(cx, &instance, &etag, disk).await?;
    let state = cx.client.instance_state(name).await.during("look at the container")?;
    let shown = mount_table::mounted_at(state.pid, &disk.path);
    if expected.is_some() && shown == expected {
        return Ok(());
    }
    remove(cx, name, disk, &instance).await?;
    let source = GuestText::new(disk.source.path());
    Err(Error::HostUnfit {
        problem: match shown {
            Some(_) => {
                format!("cannot mount {source} into container {name}: it was replaced by another at this moment")
            }
            None => {
                format!("cannot mount {source} into container {name}: it cannot be seen that the right one is shown")
            }
        },
        hint: Some("look at what is in its place on the host; a stopped container is checked when it starts".into()),
    })
}

/// Takes the disk away again, with its hook.
async fn remove(cx: &Context, name: &str, disk: &HostDisk, before: &Instance) -> Result<()> {
    let step = "take the mount back";
    let (now, etag) = owned::find_tagged(cx, name).await?;
    let mut put = InstancePut::from(now);
    put.devices.remove(&disk.device);
    match before.config.get(host_disk::RAW_LXC) {
        Some(raw) => _ = put.config.insert(host_disk::RAW_LXC.to_owned(), raw.clone()),
        None => _ = put.config.remove(host_disk::RAW_LXC),
    }
    let done = async { cx.client.put_instance(name, &put, Some(&etag)).await?.wait(step, LIMIT).await };
    done.await.map(drop).during(step)
}

async fn change(cx: &Context, name: &str, action: StateAction) -> Result<()> {
    let step = if action == StateAction::Freeze { "freeze the container" } else { "unfreeze the container" };
    let done = async { cx.client.change_state(name, &StateChange::new(action)).await?.wait(step, LIMIT).await };
    done.await.map(drop).during(step)
}
