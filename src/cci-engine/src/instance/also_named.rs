//! The caller's containers on the directory of this call, where it was named in another way: through a link or a bind mount.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cci_core::mark::{Kind, Marks};
use cci_incus::Instance;

use crate::context::Context;
use crate::event::InstanceEvent;
use crate::site::host_path;
use cci_host::mounts::Names;

/// The other names of this workspace that have containers: slots and sessions of one name are not found by another.
pub(crate) fn found<'a>(
    cx: &Context,
    instances: impl IntoIterator<Item = &'a Instance>,
) -> impl Iterator<Item = InstanceEvent> {
    let (directory, places) = (host_path::real(cx.workspace.path()), Names::now());
    let mut names: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for instance in instances {
        if let Some(other) = other_name(cx, instance, &directory, &places) {
            names.entry(other).or_default().push(instance.name.clone());
        }
    }
    names.into_iter().map(|(other, containers)| InstanceEvent::AlsoNamed { other, containers })
}

fn other_name(cx: &Context, instance: &Instance, directory: &Path, places: &Names) -> Option<PathBuf> {
    let marks = Marks::from_config(&instance.config)?;
    let own = marks.owner_uid == cx.caller.ids.uid && marks.kind == Kind::Session;
    let mounted = instance.devices.get("workspace")?.as_disk()?.host_source()?;
    let other = marks.workspace.filter(|workspace| own && workspace != cx.workspace.path())?;
    places.are_one(Path::new(mounted), directory).then_some(other)
}
