//! Directories of a new worktree by descriptors: a commit can have a link in their place, and nothing is written through one.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Gid, Mode, Uid, mkdirat, openat};
use rustix::io::Errno;

use super::checkout::Owner;
use super::fault::Result;
use crate::dir::{DIRECTORY, path_of};
use crate::error::at;

/// The directory at a path, with those above it made where they are missing; nothing if something else is in the way.
pub(super) fn made(top: &impl AsFd, path: &[u8], owner: Owner) -> Result<Option<OwnedFd>> {
    let failed = || path_of(path.to_vec());
    let mut dir = openat(top, c".", DIRECTORY, Mode::empty()).map_err(at("open", failed()))?;
    for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
        match mkdirat(&dir, name, Mode::from_raw_mode(0o755)) {
            Ok(()) => give(&dir, name, owner, path)?,
            Err(Errno::EXIST) => {}
            Err(error) => return Err(at("make", failed())(error).into()),
        }
        dir = match openat(&dir, name, DIRECTORY, Mode::empty()) {
            Ok(below) => below,
            Err(Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            Err(error) => return Err(at("open", failed())(error).into()),
        };
    }
    Ok(Some(dir))
}

/// Gives a name in a directory to the owner of the worktree.
pub(super) fn give(dir: &impl AsFd, name: &[u8], owner: Owner, path: &[u8]) -> Result<()> {
    let Some((uid, gid)) = owner else { return Ok(()) };
    let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
    let given = rustix::fs::chownat(dir, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW);
    Ok(given.map_err(at("give away", path_of(path.to_vec())))?)
}
