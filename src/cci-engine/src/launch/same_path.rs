//! The workspace where it is on the host, besides its usual place in the container.

use std::path::Path;

use cci_core::Result;
use cci_core::mount::{Mount, Protected};
use cci_core::plan::PLACE;
use cci_core::settings::Settings;
use cci_core::workspace::Workspace;
use cci_guest::layout::WORKSPACE;

use crate::site::host_path::judged;

/// The mount of it there, if the settings want one and that is another place.
pub(super) fn mounted(settings: &Settings, workspace: &Workspace, protected: &[Protected]) -> Result<Option<Mount>> {
    if !settings.workspace.same_path {
        return Ok(None);
    }
    let source = judged(workspace.path(), protected)?;
    let container = source.as_str().to_owned();
    let is_there = container == WORKSPACE;
    Ok((!is_there).then(|| Mount { device: PLACE.to_owned(), source, container, readonly: false }))
}

/// What is mounted in the workspace at its usual place, for its place on the host: what is closed at one is not open at the
/// other.
pub(super) fn also_there(mounts: &[Mount]) -> Vec<Mount> {
    let place = mounts.iter().find(|mount| mount.device == PLACE);
    let Some(place) = place.map(|mount| Path::new(&mount.container)) else { return Vec::new() };
    let there = |mount: &Mount| {
        let below = Path::new(&mount.container).strip_prefix(WORKSPACE).ok()?;
        let container = place.join(below).to_str()?.to_owned();
        let is_taken = mounts.iter().any(|other| other.container == container);
        (!is_taken).then(|| Mount { device: format!("{}-also", mount.device), container, ..mount.clone() })
    };
    mounts.iter().filter_map(there).collect()
}

#[cfg(test)]
mod tests {
    use cci_core::host_disk::HostPath;
    use cci_core::idmap::Ids;
    use cci_core::pin::{Birth, Identity};

    use super::*;

    fn mount(device: &str, host: &str, container: &str, readonly: bool) -> Mount {
        let identity = Identity { device: 1, inode: 2, born: Birth::default() };
        let source = HostPath::new(Path::new(host), identity, Ids { uid: 1000, gid: 1000 }).unwrap();
        Mount { device: device.into(), source, container: container.into(), readonly }
    }

    #[test]
    fn what_is_closed_at_one_place_is_closed_at_the_other() {
        let hooks = mount("mount-0", "/home/u/proj/.git/hooks", "/workspace/.git/hooks", true);
        let data = mount("mount-1", "/srv/data", "/data", true);
        let config = mount("git-own-0", "/home/u/.cci/git/own-0", "/workspace/sub/.git/commondir", false);
        let taken = mount("git-1", "/home/u/proj/.git/config", "/workspace/.git/config", true);
        let there = mount("git-2", "/home/u/proj/.git/config", "/home/u/proj/.git/config", true);
        let mut all = vec![hooks, data, config, taken, there];
        assert_eq!(also_there(&all), [], "it is at one place only");
        all.push(mount(PLACE, "/home/u/proj", "/home/u/proj", false));
        let also = also_there(&all);
        assert_eq!(
            also,
            [
                mount("mount-0-also", "/home/u/proj/.git/hooks", "/home/u/proj/.git/hooks", true),
                mount("git-own-0-also", "/home/u/.cci/git/own-0", "/home/u/proj/sub/.git/commondir", false),
            ]
        );
    }
}
