//! A directory for what is kept for this user only, and files in it.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use cci_core::Result;
use rustix::fs::{CWD, Mode, OFlags};

use super::put::host;

/// Opens a file to be read; a link is refused, and nothing is waited for.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(CWD, path, flags, Mode::empty())?.into())
}

/// Makes a directory for this user only; a link in its place is refused.
pub(crate) fn make(directory: &Path) -> Result<()> {
    let failed = || host("create", directory);
    match DirBuilder::new().recursive(false).mode(0o700).create(directory) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed())?;
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed()(error)),
    }
    let there = directory.symlink_metadata().map_err(failed())?;
    if !there.is_dir() {
        return Err(failed()(io::Error::other("it is a link or no directory")));
    }
    if there.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).map_err(failed())?;
    }
    Ok(())
}
