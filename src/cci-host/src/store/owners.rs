//! The owners of everything in a workspace, examined without following a link or leaving its file system.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::exact_dir::names;
use super::tree::open_dir;

/// The owners and groups of everything visible below a directory; the content of unreadable directories is not known.
pub fn below(root: &Path) -> io::Result<BTreeSet<u32>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let root = rustix::fs::open(root, flags, Mode::empty())?;
    let device = rustix::fs::fstat(&root)?.st_dev;
    let (mut owners, mut open) = (BTreeSet::new(), vec![PathBuf::from(".")]);
    while let Some(dir) = open.pop() {
        // it belongs to somebody else, or was removed
        let Ok(entries) = open_dir(&root, &dir).and_then(|there| Ok((names(&there)?, there))) else { continue };
        let (names, there): (_, OwnedFd) = entries;
        for name in names {
            let Ok(stat) = rustix::fs::statat(&there, &name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            owners.extend([stat.st_uid, stat.st_gid]);
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory && stat.st_dev == device {
                open.push(dir.join(name));
            }
        }
    }
    Ok(owners)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    #[test]
    fn what_lies_below_is_seen_and_no_link_is_followed() {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(tree.path().join("a/b")).unwrap();
        std::fs::write(tree.path().join("a/b/file"), "").unwrap();
        symlink("/proc/1", tree.path().join("a/link")).unwrap();
        let own = std::fs::metadata(tree.path()).unwrap();
        assert_eq!(below(tree.path()).unwrap(), [own.uid(), own.gid()].into());
        assert!(below(&tree.path().join("a/link")).is_err(), "the root itself is no link");
    }
}
