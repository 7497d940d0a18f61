//! Directories that their owner may not enter or change are opened to the owner while work goes on in them.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, chmodat, fchmod, openat};
use rustix::io::Errno;

use crate::dir::Dir;
use crate::meta::Meta;

/// What an owner needs to work in a directory.
const ALL: u32 = 0o700;

/// Opens a child directory, also one that its owner may not list.
pub(crate) fn child(dir: &Arc<Dir>, name: &[u8]) -> io::Result<Arc<Dir>> {
    let first = dir.child(name);
    if !matches!(&first, Err(error) if error.raw_os_error() == Some(Errno::ACCESS.raw_os_error())) {
        return first;
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = openat(&*dir.fd()?, name, flags, Mode::empty())?;
    let mode = Meta::open(&handle)?.mode;
    // the descriptor itself, whatever its name stands for by now
    let itself = format!("/proc/self/fd/{}", handle.as_raw_fd());
    chmodat(CWD, itself, Mode::from_raw_mode((mode & 0o7777) | ALL), AtFlags::empty())?;
    dir.child(name)
}

/// Lets the owner change what is in a directory.
pub(crate) fn changes(directory: impl AsFd) -> io::Result<()> {
    let mode = Meta::open(&directory)?.mode & 0o7777;
    if mode & ALL != ALL {
        fchmod(&directory, Mode::from_raw_mode(mode | ALL))?;
    }
    Ok(())
}
