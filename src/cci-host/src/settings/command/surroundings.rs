//! Where a command of a project runs: outside its workspace, so that nothing in the workspace is reachable by its bare
//! name.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::caller::Caller;

/// The directory and the search path of a project's commands: nothing in the workspace is reachable by its bare name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    /// The directory that a command starts in.
    pub directory: PathBuf,
    /// The search path for commands.
    pub path: Vec<PathBuf>,
}

impl Surroundings {
    pub(crate) fn new(caller: &Caller, workspace: &Path) -> Self {
        let root = real(workspace);
        let outside = |entry: &PathBuf| entry.is_absolute() && !real(entry).starts_with(&root);
        let path = std::env::split_paths(caller.var("PATH").unwrap_or_default()).filter(outside).collect();
        Self { directory: caller.home.clone(), path }
    }

    /// The search path in the form of a variable.
    #[must_use]
    pub fn search_path(&self) -> OsString {
        // its parts come from such a variable
        std::env::join_paths(&self.path).unwrap_or_default()
    }
}

/// A path with all links followed; the path itself if it does not exist.
pub(super) fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
