//! Checks the project directory before anything is created for it.

use std::io;

use cci_core::host_disk::HostPath;
use cci_core::mount::{self, MountError};
use cci_core::{Error, Result};
use rustix::fs::Access;

use crate::context::Context;
use crate::site::host_path;

/// The workspace as it is now: a directory that the caller can read, and that containers may see; else an error that
/// says what is wrong with it.
pub fn usable(cx: &Context) -> Result<HostPath> {
    let (path, protected) = (cx.workspace.path(), host_path::protected(&cx.settings, &cx.caller));
    let unusable = |problem: String| Error::Workspace { path: path.to_owned(), problem };
    cx.caller.refuse_removed(path)?;
    // what containers never see is refused for that reason, even if this user could not read it
    mount::check_host(&host_path::real(path), &protected).map_err(|error| refused(&error))?;
    let meta = std::fs::metadata(path).map_err(|error| unusable(reason(&error)))?;
    if !meta.is_dir() {
        return Err(unusable("it is not a directory".into()));
    }
    rustix::fs::access(path, Access::READ_OK | Access::EXEC_OK).map_err(|error| unusable(locked(&error.into())))?;
    host_path::judged(path, &protected).map_err(|error| match error {
        Error::Usage { problem, .. } => Error::Usage { problem, hint: Some(HINT.into()) },
        other => other,
    })
}

/// The hint for a workspace that is not a project.
const HINT: &str = "change to a project directory, or name one with `--workspace PATH`";

fn refused(error: &MountError) -> Error {
    Error::Usage { problem: error.to_string(), hint: Some(HINT.into()) }
}

/// A directory that a container's root has closed can be opened by `reclaim`.
fn locked(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => format!("{} (`cci reclaim` if a container has closed it)", reason(error)),
        _ => reason(error),
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".into(),
        io::ErrorKind::PermissionDenied => "it cannot be read by this user".into(),
        _ => error.to_string(),
    }
}
