//! The caller's containers on the directory of this call, where it was named in another way: through a link or a bind mount.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cci_core::Result;
use cci_core::mark::{Kind, Marks};
use cci_incus::Instance;

use crate::context::Context;
use crate::event::InstanceEvent;
use crate::site::host_path;
use cci_host::mounts::Names;

/// Reports the other names of this workspace that have containers: slots and sessions of one name are not found by
/// another. Only where there may be one is the workspace itself looked at, which waits for its file system.
pub(crate) async fn report<'a>(cx: &Context, instances: impl IntoIterator<Item = &'a Instance>) -> Result<()> {
    let others: Vec<Other> = instances.into_iter().filter_map(|instance| Other::of(cx, instance)).collect();
    if others.is_empty() {
        return Ok(());
    }
    let directory = host_path::real_workspace(cx).await?;
    let places = Names::now();
    let mut names: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for other in others.into_iter().filter(|other| places.are_one(&other.mounted, &directory)) {
        names.entry(other.workspace).or_default().push(other.container);
    }
    for (other, containers) in names {
        cx.emit(InstanceEvent::AlsoNamed { other, containers });
    }
    Ok(())
}

/// A container of the caller's whose workspace has another name.
struct Other {
    container: String,
    workspace: PathBuf,
    mounted: PathBuf,
}

impl Other {
    fn of(cx: &Context, instance: &Instance) -> Option<Self> {
        let marks = Marks::from_config(&instance.config)?;
        let own = marks.owner_uid == cx.caller.ids.uid && marks.kind == Kind::Session;
        let mounted = instance.devices.get("workspace")?.as_disk()?.host_source()?;
        let workspace = marks.workspace.filter(|workspace| own && workspace != cx.workspace.path())?;
        Some(Self { container: instance.name.clone(), workspace, mounted: mounted.into() })
    }
}
