//! What was allowed of a workspace's repository, in `~/.cci/git`: noted at the first launch, and compared at every later one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cci_core::host_disk::HostPath;
use cci_core::pin::Pinned;
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use cci_git::layout::Record;
use serde::{Deserialize, Serialize};

use super::put::{self, host};

/// The directory of these notes, below cci's own.
const DIRECTORY: &str = "git";

/// What is noted of a workspace.
#[derive(Debug, Serialize, Deserialize)]
pub struct AllowedGit {
    /// The directory itself: another one at the same path is not the one that was allowed.
    workspace: Pinned,
    /// Its repository.
    pub git: Record,
    /// Whether that is the workspace's own, in its `.git`, or there was none.
    #[serde(default)]
    pub is_own: bool,
}

impl AllowedGit {
    /// The file with what is noted of a workspace.
    #[must_use]
    pub fn path(cci_dir: &Path, workspace: &Workspace) -> PathBuf {
        cci_dir.join(DIRECTORY).join(format!("{}.json", workspace.hash()))
    }

    /// What is noted of this very directory. A note that cannot be understood is an error: it says what was allowed.
    pub fn read(path: &Path, workspace: &HostPath) -> Result<Option<Self>> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(host("read", path)(error)),
        };
        let note: Self = serde_json::from_slice(&bytes).map_err(|_| Error::Config {
            problem: format!("{} is damaged", path.display()),
            hint: Some("remove it, and look at the workspace's .git before you launch again".into()),
        })?;
        let is_it = note.workspace.source == workspace.as_str() && note.workspace.is(workspace.identity());
        Ok(is_it.then_some(note))
    }

    /// Notes it, in the place of what was noted before.
    pub fn write(path: &Path, workspace: &HostPath, git: Record, is_own: bool) -> Result<()> {
        let workspace = Pinned { source: workspace.as_str().to_owned(), identity: workspace.identity() };
        path.parent().map_or(Ok(()), put::private_directory)?;
        put::json(path, &Self { workspace, git, is_own })
    }
}
