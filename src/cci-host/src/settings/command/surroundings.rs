//! Where a command of a project runs: outside of its workspace, with nothing of it in reach by its name alone.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::caller::Caller;

/// The directory and the search path of a project's commands: nothing of the workspace is in reach by its name alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    /// The directory that a command starts in.
    pub directory: PathBuf,
    /// The directories in which a command is looked for by its name.
    pub path: Vec<PathBuf>,
}

impl Surroundings {
    pub(crate) fn new(caller: &Caller, workspace: &Path) -> Self {
        let root = real(workspace);
        let outside = |entry: &PathBuf| entry.is_absolute() && !real(entry).starts_with(&root);
        let path = std::env::split_paths(caller.var("PATH").unwrap_or_default()).filter(outside).collect();
        Self { directory: caller.home.clone(), path }
    }

    /// The search path as a variable has it.
    #[must_use]
    pub fn search_path(&self) -> OsString {
        // its parts were parts of such a variable
        std::env::join_paths(&self.path).unwrap_or_default()
    }
}

/// A path with all links followed; itself where nothing is.
pub(super) fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
