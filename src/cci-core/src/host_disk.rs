//! Host paths in a container: the only way for one to get into a request to Incus, together with the hook that pins the
//! container to it.

use std::collections::BTreeMap;
use std::path::Path;

use cci_incus_types::{Device, Devices, Disk};

use crate::error::{Error, Result};
use crate::git_device::is_of_git;
use crate::idmap::{Idmap, Ids};
use crate::pin::{self, Identity, Pinned};

/// A place on the host as it was when it was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPath {
    path: String,
    identity: Identity,
    owner: Ids,
}

impl HostPath {
    /// A path with all links resolved, what was found there, and its owner.
    pub fn new(path: &Path, identity: Identity, owner: Ids) -> Result<Self> {
        let utf8 = path.to_str().ok_or_else(|| Error::Workspace {
            path: path.to_owned(),
            problem: "Incus takes only paths that are UTF-8".into(),
        })?;
        Ok(Self { path: utf8.to_owned(), identity, owner })
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        Path::new(&self.path)
    }

    /// The path as Incus receives it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.path
    }

    /// What was there.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Its owner on the host.
    #[must_use]
    pub fn owner(&self) -> Ids {
        self.owner
    }
}

/// A disk device with a host source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostDisk {
    /// The device's name in Incus.
    pub device: String,
    /// What is mounted.
    pub source: HostPath,
    /// Where it appears in the container.
    pub path: String,
    /// Whether the container may only read it.
    pub readonly: bool,
    /// Whether ids are shifted, for hosts that cannot map them.
    pub shift: bool,
}

impl HostDisk {
    /// A writable disk, with ids as the container's map requires.
    #[must_use]
    pub fn new(device: &str, source: HostPath, path: &str, map: &Idmap) -> Self {
        let shift = *map == Idmap::Shift;
        Self { device: device.to_owned(), source, path: path.to_owned(), readonly: false, shift }
    }

    /// The same, read-only if asked for.
    #[must_use]
    pub fn readonly(self, readonly: bool) -> Self {
        Self { readonly, ..self }
    }

    /// The device as Incus's API takes it.
    #[must_use]
    fn device(&self) -> Device {
        let HostDisk { source, path, readonly, shift, .. } = self;
        Disk { readonly: *readonly, shift: *shift, ..Disk::of_host(source.as_str(), path) }.into()
    }
}

/// The devices of some disks by name, and the line for `raw.lxc` that pins the container to them at every start.
#[must_use]
pub fn render<'a>(disks: impl IntoIterator<Item = &'a HostDisk>) -> (Devices, String) {
    let (mut devices, mut pins) = (Devices::new(), Vec::new());
    for disk in disks {
        devices.insert(disk.device.clone(), disk.device());
        pins.push((disk.path.as_str(), disk.source.identity()));
    }
    (devices, pin::hook(&pins))
}

/// A change that adds one disk to an instance with this configuration: its devices and its configuration keys.
#[must_use]
pub fn added(disk: &HostDisk, config: &BTreeMap<String, String>) -> (Devices, BTreeMap<String, String>) {
    let (devices, pin) = render([disk]);
    let before = config.get(RAW_LXC).map(String::as_str).unwrap_or_default();
    let line_end = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    (devices, BTreeMap::from([(RAW_LXC.to_owned(), format!("{before}{line_end}{pin}"))]))
}

/// The host paths that an instance with these devices and this configuration is pinned to, but for what git replaces itself.
#[must_use]
pub fn pinned(devices: &Devices, config: &BTreeMap<String, String>) -> Vec<Pinned> {
    let pins = pin::pins_in(config.get(RAW_LXC).map(String::as_str).unwrap_or_default());
    let source = |path: &str| {
        let disks = devices.iter().filter(|(name, _)| !is_of_git(name)).filter_map(|(_, device)| device.as_disk());
        let there = disks.into_iter().find(|disk| disk.path.as_deref() == Some(path))?;
        there.host_source().map(str::to_owned)
    };
    pins.into_iter().filter_map(|(path, identity)| Some(Pinned { source: source(&path)?, identity })).collect()
}

/// The configuration key with lines for LXC itself.
pub const RAW_LXC: &str = "raw.lxc";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pin::Birth;

    proptest! {
        #[test]
        fn no_disk_is_without_its_hook(
            disks in prop::collection::btree_map(
                "[a-z]{1,4}", ("/[ -~]{1,12}", "/[ -~]{1,12}", any::<u64>(), any::<bool>(), any::<bool>()), 0..6,
            )
        ) {
            let made = disks.iter().map(|(name, (source, path, inode, readonly, shift))| {
                let identity = Identity { device: 7, inode: *inode, born: Birth::default() };
                let source = HostPath::new(Path::new(source), identity, Ids { uid: 1000, gid: 1000 }).unwrap();
                HostDisk { device: name.clone(), source, path: path.clone(), readonly: *readonly, shift: *shift }
            });
            let made: Vec<HostDisk> = made.collect();
            let (devices, hook) = render(&made);
            prop_assert_eq!(devices.len(), disks.len());
            for (name, (source, path, inode, ..)) in &disks {
                prop_assert_eq!(devices[name].as_disk().unwrap().host_source(), Some(source.as_str()));
                let held = format!("\"$LXC_ROOTFS_MOUNT\"'{}'", path.replace('\'', r"'\''"));
                prop_assert!(hook.contains(&held), "{path} is not held: {hook}");
                let known = format!("7:{inode}:0.000000000 ");
                prop_assert!(hook.contains(&known), "{path} is not known: {hook}");
            }
        }
    }

    #[test]
    fn a_disk_that_is_added_keeps_the_hooks_that_are_there() {
        let identity = Identity { device: 7, inode: 9, born: Birth::default() };
        let source = HostPath::new(Path::new("/srv/d"), identity, Ids { uid: 1, gid: 1 }).unwrap();
        let disk = HostDisk::new("d", source, "/data", &Idmap::Plain);
        let config = |raw: &str| BTreeMap::from([(RAW_LXC.to_owned(), raw.to_owned())]);
        let (devices, changed) = added(&disk, &config("lxc.a = b"));
        assert_eq!(devices["d"].as_disk().unwrap().host_source(), Some("/srv/d"));
        assert!(changed[RAW_LXC].starts_with("lxc.a = b\nlxc.hook.mount = test "), "{changed:?}");
        assert!(changed[RAW_LXC].contains("7:9:0.000000000 "), "{changed:?}");
        assert!(added(&disk, &BTreeMap::new()).1[RAW_LXC].starts_with("lxc.hook.mount = test "));
    }

    #[test]
    fn a_path_that_is_not_utf8_is_refused() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"/srv/\xff"));
        let identity = Identity { device: 1, inode: 2, born: Birth::default() };
        assert!(HostPath::new(path, identity, Ids { uid: 0, gid: 0 }).unwrap_err().to_string().contains("UTF-8"));
    }
}
