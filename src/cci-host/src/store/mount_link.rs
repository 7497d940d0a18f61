//! `~/.cci/mounts`: links through which Incus finds what was mounted into a running container.
//!
//! While Incus mounts, the link leads to a directory that this process holds open, so that nobody can put another in
//! its place; afterwards to the place by its name, which the next start follows.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use cci_core::Result;
use cci_core::host_disk::{HostDisk, HostPath};

use super::put::{beside, host, private_directory};

/// A link of one device.
pub struct Link {
    path: PathBuf,
    /// Its first target.
    held: OwnedFd,
}

impl Link {
    /// A link to what is held open: the source of a disk.
    pub fn make(cci_dir: &Path, container: &str, device: &str, held: OwnedFd) -> Result<Self> {
        let dir = cci_dir.join("mounts");
        private_directory(&dir)?;
        let link = Self { path: dir.join(format!("{container}.{device}")), held };
        let open = format!("/proc/{}/fd/{}", std::process::id(), link.held.as_raw_fd());
        link.lead_to(Path::new(&open))?;
        Ok(link)
    }

    /// The disk, through the link.
    pub fn disk(&self, disk: &HostDisk) -> Result<HostDisk> {
        let HostDisk { source, .. } = disk;
        Ok(HostDisk { source: HostPath::new(&self.path, source.identity(), source.owner())?, ..disk.clone() })
    }

    /// Makes it lead to the place by its name from now on.
    pub fn settle(&self, disk: &HostDisk) -> Result<()> {
        self.lead_to(disk.source.path())
    }

    /// Atomically, whatever was there.
    fn lead_to(&self, target: &Path) -> Result<()> {
        let new = beside(&self.path);
        let put = || -> io::Result<()> {
            symlink(target, &new)?;
            fs::rename(&new, &self.path)
        };
        put().map_err(host("write", &self.path))
    }
}

/// Removes the links of containers that no longer exist.
pub fn prune(cci_dir: &Path, is_there: impl Fn(&str) -> bool) {
    for entry in fs::read_dir(cci_dir.join("mounts")).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let container = name.to_str().and_then(|name| name.split('.').next());
        if container.is_some_and(|container| !is_there(container)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use cci_core::idmap::{Idmap, Ids};
    use cci_core::pin::{Birth, Identity};

    use super::*;

    fn open(path: &Path) -> OwnedFd {
        fs::File::open(path).unwrap().into()
    }

    #[test]
    fn the_link_leads_to_what_is_held_and_then_to_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let (data, other) = (dir.path().join("data"), dir.path().join("other"));
        fs::create_dir(&data).unwrap();
        fs::create_dir(&other).unwrap();
        fs::write(data.join("mine"), "").unwrap();
        let identity = Identity { device: 1, inode: 2, born: Birth::default() };
        let source = HostPath::new(&data, identity, Ids { uid: 1, gid: 1 }).unwrap();
        let disk = HostDisk::new("d", source, "/data", &Idmap::Plain);
        let link = Link::make(dir.path(), "c1", "d", open(&data)).unwrap();
        let by_link = link.disk(&disk).unwrap();
        assert_eq!(by_link.source.identity(), identity);
        // another takes its place meanwhile
        fs::rename(&data, dir.path().join("away")).unwrap();
        symlink(&other, &data).unwrap();
        assert!(by_link.source.path().join("mine").exists());
        link.settle(&disk).unwrap();
        assert!(!by_link.source.path().join("mine").exists(), "now the hook decides");
        prune(dir.path(), |name| name == "c1");
        assert!(by_link.source.path().is_symlink());
        prune(dir.path(), |_| false);
        assert!(!by_link.source.path().is_symlink());
    }
}
