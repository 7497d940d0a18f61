//! Removes a tree that a container may have created: of any depth, through no link, and with no path longer than a
//! name.
//!
//! No directory is entered from within another. Nested directories are moved up into the root of the removal and
//! handled there, so that each directory is handled once and at most two of them are open.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use super::exact_dir::{exact_dir, names};

/// Removes whatever a path names, which must have no link in it; returns whether it existed.
pub fn path(path: &Path) -> io::Result<bool> {
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    match exact_dir(above) {
        Ok(above) => entry(&above, name),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes whatever a name in a directory refers to; returns whether it existed.
///
/// What cannot be removed stays, and the first failure is the error; everything else is removed.
pub(crate) fn entry(above: impl AsFd, name: impl AsRef<OsStr>) -> io::Result<bool> {
    let (above, name) = (above.as_fd(), name.as_ref());
    let Some(stat) = look(above, name)? else { return Ok(false) };
    if !is_dir(&stat) {
        return existed(rustix::fs::unlinkat(above, name, AtFlags::empty()));
    }
    take_rights(above, name, &stat)?;
    if existed(rustix::fs::unlinkat(above, name, AtFlags::REMOVEDIR)).is_ok() {
        return Ok(true);
    }
    empty(&open(above, name)?)?;
    existed(rustix::fs::unlinkat(above, name, AtFlags::REMOVEDIR)).map(|_| true)
}

/// Removes everything in a directory.
fn empty(root: &OwnedFd) -> io::Result<()> {
    let mut failed = Ok(());
    let mut left = Vec::new();
    for name in names(root)? {
        keep_first(&mut failed, shallow(root, &name).map(|full| left.extend(full.then_some(name))));
    }
    while let Some(dir) = left.pop() {
        keep_first(&mut failed, flatten(root, &dir, &mut left));
    }
    failed
}

/// Removes one directory in the root: non-empty ones in it are moved up next to it.
fn flatten(root: &OwnedFd, name: &OsStr, left: &mut Vec<OsString>) -> io::Result<()> {
    let mut failed = Ok(());
    let dir = open(root, name)?;
    for inner in names(&dir)? {
        keep_first(&mut failed, move_up(root, &dir, &inner).map(|moved| left.extend(moved)));
    }
    failed?;
    existed(rustix::fs::unlinkat(root, name, AtFlags::REMOVEDIR)).map(drop)
}

/// Removes an entry, or moves it up if it is a non-empty directory: returns its name there.
fn move_up(root: &OwnedFd, dir: &OwnedFd, name: &OsStr) -> io::Result<Option<OsString>> {
    if !shallow(dir, name)? {
        return Ok(None);
    }
    let moved = OsString::from(format!(".cci-{}.gone", uuid::Uuid::new_v4().simple()));
    rustix::fs::renameat(dir, name, root, &moved)?;
    Ok(Some(moved))
}

/// Removes an entry unless it is a non-empty directory, whose permissions it takes; returns whether it is one.
fn shallow(dir: &OwnedFd, name: &OsStr) -> io::Result<bool> {
    let Some(stat) = look(dir.as_fd(), name)? else { return Ok(false) };
    if !is_dir(&stat) {
        return existed(rustix::fs::unlinkat(dir, name, AtFlags::empty())).map(|_| false);
    }
    take_rights(dir.as_fd(), name, &stat)?;
    Ok(existed(rustix::fs::unlinkat(dir, name, AtFlags::REMOVEDIR)).is_err())
}

/// Gives the caller all permissions on its own directory: without them it can be neither read nor moved.
fn take_rights(dir: impl AsFd, name: &OsStr, stat: &Stat) -> io::Result<()> {
    if stat.st_uid != rustix::process::geteuid().as_raw() || stat.st_mode & 0o700 == 0o700 {
        return Ok(());
    }
    // held open, so that no link can take its place
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = rustix::fs::openat(dir, name, flags, Mode::empty())?;
    Ok(rustix::fs::chmod(format!("/proc/self/fd/{}", held.as_raw_fd()), Mode::RWXU)?)
}

/// Opens a directory, through no link and into no other mount.
fn open(dir: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    Ok(rustix::fs::openat2(dir, name, flags, Mode::empty(), resolve)?)
}

fn look(dir: impl AsFd, name: &OsStr) -> io::Result<Option<Stat>> {
    match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn is_dir(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

/// Something that somebody else removed meanwhile counts as removed; returns whether it existed.
fn existed(removed: rustix::io::Result<()>) -> io::Result<bool> {
    match removed {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn keep_first(failed: &mut io::Result<()>, done: io::Result<()>) {
    if failed.is_ok() {
        *failed = done;
    }
}

/// Creates a tree so deep that no path reaches its end, for tests.
#[cfg(test)]
pub(super) fn plant_deep(above: &Path, depth: usize) {
    let mut dir = rustix::fs::open(above, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..depth {
        rustix::fs::mkdirat(&dir, "d", Mode::RWXU).unwrap();
        dir = rustix::fs::openat(&dir, "d", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_tree_of_sixty_thousand_levels_is_removed() {
        // in memory if possible: on a busy disk it takes minutes
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        plant_deep(dir.path(), 60_000);
        assert!(path(&dir.path().join("d")).unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(!path(&dir.path().join("d")).unwrap(), "it was gone already");
    }

    #[test]
    fn links_are_removed_and_not_followed() {
        let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("kept"), "").unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        for link in ["link", "a/link", "a/b/link"] {
            symlink(outside.path(), dir.path().join(link)).unwrap();
        }
        assert!(path(&dir.path().join("link")).unwrap());
        assert!(path(&dir.path().join("a")).unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(outside.path().join("kept").exists());
    }

    #[test]
    fn a_link_on_the_way_is_refused() {
        let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("kept"), "").unwrap();
        symlink(outside.path(), dir.path().join("link")).unwrap();
        assert!(path(&dir.path().join("link/kept")).is_err());
        assert!(outside.path().join("kept").exists());
    }

    proptest! {
        #[test]
        fn a_tree_of_any_shape_and_modes_is_removed(
            nodes in prop::collection::vec((any::<prop::sample::Index>(), 0_u32..8, any::<bool>()), 0..40),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let mut dirs = vec![dir.path().join("root")];
            fs::create_dir(&dirs[0]).unwrap();
            let mut modes = Vec::new();
            for (number, (above, mode, is_dir)) in nodes.into_iter().enumerate() {
                let place = above.get(&dirs).join(number.to_string());
                if is_dir {
                    fs::create_dir(&place).unwrap();
                    dirs.push(place.clone());
                } else {
                    fs::write(&place, "").unwrap();
                }
                modes.push((place, mode << 6));
            }
            // the inner ones first: afterwards they cannot be reached
            for (place, mode) in modes.into_iter().rev() {
                fs::set_permissions(place, PermissionsExt::from_mode(mode)).unwrap();
            }
            prop_assert!(path(&dirs[0]).unwrap());
            prop_assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }
}
