//! Where links of the host's configuration may lead: a skill or a plugin came from somebody else, and its links with it.

use std::io;
use std::path::{Path, PathBuf};

use cci_agent::NotCopied;
use cci_core::mount::{Protected, check_host};
use rustix::fs::Access;

use super::read::is_missing;

/// What is closed to them, and what is open.
#[derive(Debug, Default)]
pub(super) struct Limits {
    /// The agent's own directory, with all links resolved.
    pub(super) open: PathBuf,
    /// What in it is about other workspaces.
    pub(super) private: Vec<PathBuf>,
    /// What containers never see.
    pub(super) protected: Vec<Protected>,
}

impl Limits {
    /// The place that a link leads to, where containers never see it.
    pub(super) fn closed(&self, link: &Path) -> Option<PathBuf> {
        let place = link.canonicalize().ok()?;
        let is_private = self.private.iter().any(|private| place.starts_with(private));
        let is_open = place != self.open && place.starts_with(&self.open) && !is_private;
        (!is_open && check_host(&place, &self.protected).is_err()).then_some(place)
    }
}

/// Why nothing of the agent's directory can be read, where there is one.
pub(super) fn unusable(directory: &Path) -> Option<NotCopied> {
    let unreadable = |error: io::Error| NotCopied::Unreadable(error.to_string());
    if directory.symlink_metadata().is_err_and(|error| is_missing(&error)) {
        return None;
    }
    match directory.metadata() {
        Err(error) if is_missing(&error) => Some(NotCopied::Dangling),
        Err(error) => Some(unreadable(error)),
        Ok(meta) if !meta.is_dir() => Some(NotCopied::Unreadable("it is not a directory".into())),
        Ok(_) => rustix::fs::access(directory, Access::EXEC_OK).err().map(|error| unreadable(error.into())),
    }
}
