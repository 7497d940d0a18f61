//! Files that get their name when they are complete, so that no kill leaves a part of one under it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::path::Arg;

/// Opens a file without a name in a directory, to be written; refused by filesystems that have none.
pub(crate) fn open(dir: impl AsFd, path: impl Arg, flags: OFlags, mode: Mode) -> io::Result<File> {
    let flags = flags | OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(dir, path, flags, mode)?.into())
}

/// Gives it its name, unless something has that.
pub(crate) fn name(file: &File, dir: impl AsFd, name: impl Arg) -> io::Result<()> {
    let open = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(rustix::fs::linkat(CWD, open, dir, name, AtFlags::SYMLINK_FOLLOW)?)
}
