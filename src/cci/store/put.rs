//! Puts a file of cci's own in place in one step: whoever reads sees the old one or the new one.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use cci_core::{Error, Result};

/// A file that only this user reads.
pub(crate) const PRIVATE: u32 = 0o600;
/// A file that containers read too; the directories above it are private all the same.
const SHARED: u32 = 0o644;

/// Puts a file that containers read, making its directory (0700) if it is missing.
pub(crate) fn shared(path: &Path, content: &[u8]) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(host("create", dir))?;
    atomically(path, content, SHARED)
}

/// Writes beside the target, flushes, renames; the directory must be there.
pub(crate) fn atomically(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    let put = || -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(".cci-").tempfile_in(dir)?;
        file.write_all(content)?;
        // set on the open file, because a mode given at its creation is cut by the umask
        file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        fs::File::open(dir)?.sync_all()
    };
    put().map_err(host("write", path))
}

/// An I/O error never comes without its path.
pub(crate) fn host(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Host { step, path, source }
}
