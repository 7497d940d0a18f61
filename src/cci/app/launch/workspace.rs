//! Checks the project directory before anything is made for it.

use std::io;
use std::os::unix::fs::MetadataExt;

use cci_core::pin::Identity;
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use rustix::fs::Access;

/// The workspace is a directory that the caller can read; else an error that names what is wrong with it.
pub(crate) fn usable(workspace: &Workspace) -> Result<()> {
    let path = workspace.path();
    let unusable = |problem: String| Error::Workspace { path: path.to_owned(), problem };
    let meta = std::fs::metadata(path).map_err(|error| unusable(reason(&error)))?;
    if !meta.is_dir() {
        return Err(unusable("it is not a directory".into()));
    }
    rustix::fs::access(path, Access::READ_OK | Access::EXEC_OK).map_err(|error| unusable(reason(&error.into())))?;
    if path == std::path::Path::new("/") {
        return Err(unusable("it is the whole file system".into()));
    }
    Ok(())
}

/// What the workspace is at this moment.
pub(super) fn identity(workspace: &Workspace) -> Result<Identity> {
    let path = workspace.path();
    let found = std::fs::metadata(path);
    let meta = found.map_err(|error| Error::Workspace { path: path.to_owned(), problem: reason(&error) })?;
    Ok(Identity { device: meta.dev(), inode: meta.ino() })
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".into(),
        io::ErrorKind::PermissionDenied => "it cannot be read by this user".into(),
        _ => error.to_string(),
    }
}
