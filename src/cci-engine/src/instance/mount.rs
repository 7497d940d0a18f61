//! `container mount`: adds a host directory to a container, under the same checks as every launch.
//!
//! Incus follows the path at the mount and at every start. At a start the disk's hook compares what is shown. No hook
//! runs for a running container, and any container of the same workspace may meanwhile put a link in the source's
//! place: so Incus is sent through a link of cci's own, which leads to the directory that cci holds open.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use cci_core::environment;
use cci_core::host_disk::{self, HostDisk};
use cci_core::idmap::Idmap;
use cci_core::mark::Marks;
use cci_core::mount::{self, Mount};
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use cci_guest::layout::WORKSPACE;
use cci_incus::{Device, Etag, Instance, InstancePatch, Status};

use crate::context::Context;
use crate::event::InstanceEvent;
use crate::incus_error::DuringStep;
use crate::instance::ownership;
use crate::launch::{reach, unreachable};
use crate::site::host_path;
use cci_host::store::mount_link::{self, Link};
use cci_host::store::noted;

/// What to mount.
pub struct Mounting<'a> {
    /// The name of the new device.
    pub device: &'a str,
    /// The place on the host, as it was typed.
    pub source: &'a Path,
    /// The place in the container, as it was typed.
    pub path: &'a str,
    /// Whether the kernel shifts the ids of this disk.
    pub shift: bool,
    /// Whether the container can only read it.
    pub readonly: bool,
}

/// Mounts a host directory into a container; an existing device of that name is not changed.
pub async fn mount(cx: &Context, name: &str, mounting: &Mounting<'_>) -> Result<()> {
    let (instance, etag) = ownership::find_tagged(cx, name).await?;
    refuse_taken(&instance, mounting)?;
    let (disk, held) = judged(cx, &instance, mounting).await?;
    if mounting.shift {
        cx.emit(InstanceEvent::ShiftedMount);
    } else {
        reach::tell(cx, disk.source.path(), disk.readonly).await?;
    }
    if !disk.readonly {
        noted::PLACES.add(&cx.cci_dir(), [disk.source.as_str()])?;
    }
    if instance.status_code != Status::Running {
        return add(cx, &instance, &etag, &disk).await;
    }
    let link = Link::make(&cx.cci_dir(), name, mounting.device, held)?;
    let added = add(cx, &instance, &etag, &link.disk(&disk)?).await;
    // an answer that was lost may have been a yes; from now on the place itself is followed, and the hook checks it
    link.settle(&disk)?;
    let there = cx.client.instances_of_all_projects().await.during("list the containers")?;
    mount_link::prune(&cx.cci_dir(), |name| there.iter().any(|instance| instance.name == name));
    added
}

/// The disk as every launch would take it: its source checked behind links, its place one that hides nothing.
async fn judged(cx: &Context, instance: &Instance, mounting: &Mounting<'_>) -> Result<(HostDisk, OwnedFd)> {
    let wanted = Workspace::resolve(&cx.caller.current_dir, mounting.source);
    let (source, held) = host_path::judged_open(wanted.path(), &host_path::protected(&cx.settings, &cx.caller))?;
    for root in host_path::guest_places(cx).await? {
        host_path::stays_inside(wanted.path(), source.path(), &root)?;
    }
    let container = mount::container_path(mounting.path).map_err(|error| host_path::refused(&error))?;
    let marks = Marks::from_config(&instance.config);
    let tool = marks.as_ref().and_then(|marks| marks.tool.clone());
    let state = environment::state(cci_agent::agent(&tool.unwrap_or_else(|| cx.settings.tool.name.clone())));
    let own = marks.and_then(|marks| marks.workspace);
    let own = own.map_or_else(|| PathBuf::from("/"), |own| host_path::real(&own));
    let mount = Mount { device: mounting.device.to_owned(), source, container, readonly: mounting.readonly };
    if !takes_the_workspaces_place(&mount, instance) {
        mount::check_places(std::slice::from_ref(&mount), &own, &state).map_err(|error| host_path::refused(&error))?;
    }
    // the workspace and the conversation, parts of which may be mounted again, are checked with the place itself
    let others = instance.expanded_devices.values().filter_map(Device::path);
    for other in others.filter(|other| ![WORKSPACE, &*state, "/"].contains(other)) {
        mount::collide(&mount.container, other).map_err(|error| host_path::refused(&error))?;
    }
    let map = if mounting.shift { Idmap::Shift } else { Idmap::Plain };
    let disk = HostDisk::new(&mount.device, mount.source, &mount.container, &map).readonly(mount.readonly);
    Ok((disk, held))
}

/// Whether it is to be what a container has at `/workspace` that was launched without one: it hides nothing there.
fn takes_the_workspaces_place(mount: &Mount, instance: &Instance) -> bool {
    let is_marked = Marks::from_config(&instance.config).is_some_and(|marks| marks.workspace.is_some());
    let mut places = instance.expanded_devices.values().filter_map(Device::path);
    mount.container == WORKSPACE && !is_marked && !places.any(|place| place == WORKSPACE)
}

fn refuse_taken(instance: &Instance, mounting: &Mounting<'_>) -> Result<()> {
    let refused = |problem: String, hint: &str| Error::StepFailed {
        step: format!("mounting into container {}", instance.name),
        problem,
        hint: Some(hint.to_owned()),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !mounting.device.starts_with(|c: char| c.is_ascii_alphanumeric()) || !mounting.device.chars().all(plain) {
        let problem = format!("invalid device name '{}'", mounting.device);
        return Err(Error::Usage { problem, hint: Some("use letters, digits, `.`, `_` and `-`".into()) });
    }
    if instance.kind == "virtual-machine" {
        return Err(refused("it is a virtual machine".into(), "cci mounts into containers only"));
    }
    if instance.expanded_devices.contains_key(mounting.device) {
        let problem = format!("device {} already exists", mounting.device);
        return Err(refused(problem, "choose another device name"));
    }
    Ok(())
}

async fn add(cx: &Context, instance: &Instance, etag: &Etag, disk: &HostDisk) -> Result<()> {
    let (devices, config) = host_disk::added(disk, &instance.config);
    let change = InstancePatch { devices, config, ..InstancePatch::default() };
    let added = cx.client.patch_instance(&instance.name, &change, Some(etag)).await.during("mount the directory");
    added.map_err(unreachable::explained)
}
