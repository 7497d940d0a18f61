//! Returns files in a user's own directories to that user: a `sudo` that keeps `HOME` has left them to root.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use cci_core::Result;
use cci_core::idmap::Ids;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Uid};

use super::put::host;

/// The first entry of a tree that belongs to root and can be returned, without following links. A directory that cannot be
/// entered belongs to root itself.
#[must_use]
pub fn first_of_root(tree: &Path) -> Option<PathBuf> {
    let meta = tree.symlink_metadata().ok()?;
    if meta.uid() == 0 && (meta.is_dir() || meta.nlink() == 1) {
        return Some(tree.to_owned());
    }
    let entries = if meta.is_dir() { std::fs::read_dir(tree).ok() } else { None };
    entries.into_iter().flatten().flatten().find_map(|entry| first_of_root(&entry.path()))
}

/// Gives everything in a tree that belongs to root to the user; other users' files stay theirs.
pub fn give_back(tree: &Path, to: Ids) -> Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(CWD, tree, flags, Mode::empty()) {
        Ok(there) => given_back(&there, to).map_err(host("give back", tree)),
        Err(rustix::io::Errno::NOENT) => Ok(()),
        Err(error) => Err(host("open", tree)(error.into())),
    }
}

/// Works on what was opened and checked: the user can put links and other files in its place meanwhile.
fn given_back(there: &OwnedFd, to: Ids) -> io::Result<()> {
    let found = rustix::fs::fstat(there)?;
    let kind = FileType::from_raw_mode(found.st_mode);
    // a file with a second link can be a system file
    let is_only_here = kind == FileType::Directory || found.st_nlink == 1;
    if found.st_uid == 0 && is_only_here {
        let (user, group) = (Uid::from_raw(to.uid), Gid::from_raw(to.gid));
        rustix::fs::chownat(there, "", Some(user), Some(group), AtFlags::EMPTY_PATH)?;
    }
    if kind != FileType::Directory {
        return Ok(());
    }
    let readable = rustix::fs::openat(there, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    for entry in Dir::new(File::from(readable))? {
        let entry = entry?;
        let name = entry.file_name();
        if [&b"."[..], b".."].contains(&name.to_bytes()) {
            continue;
        }
        match rustix::fs::openat(there, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) {
            Ok(below) => given_back(&below, to)?,
            Err(rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
