//! Where links of the host's configuration may lead: a skill or a plugin is often somebody else's, and so are its links.

use std::path::{Path, PathBuf};

use cci_agent::NotCopied;
use cci_core::mount::{Protected, check_host};

use crate::way::{self, NoWay};

/// What is closed to them, and what is open.
#[derive(Debug, Default)]
pub(super) struct Limits {
    /// The agent's own directory, without links: open although it is protected.
    pub(super) open: PathBuf,
    /// What in it is about other workspaces.
    pub(super) private: Vec<PathBuf>,
    /// What containers never see.
    pub(super) protected: Vec<Protected>,
    /// What containers write, without links: those there can be an agent's.
    pub(super) written: Vec<PathBuf>,
}

impl Limits {
    /// Where one of the agent's own files or directories is: a file may be a link to wherever the person keeps it.
    pub(super) fn own(&self, path: &Path) -> Result<PathBuf, NotCopied> {
        let real = way::real(path, &self.written)?;
        if path.is_symlink() && !real.is_file() { self.open(real) } else { Ok(real) }
    }

    /// Where a link in one of its directories leads.
    pub(super) fn link(&self, link: &Path) -> Result<PathBuf, NotCopied> {
        self.open(way::real(link, &self.written)?)
    }

    fn open(&self, real: PathBuf) -> Result<PathBuf, NotCopied> {
        let is_private = self.private.iter().any(|private| real.starts_with(private));
        let is_open = real != self.open && real.starts_with(&self.open) && !is_private;
        if is_open || check_host(&real, &self.protected).is_ok() { Ok(real) } else { Err(NotCopied::Closed(real)) }
    }
}

impl From<NoWay> for NotCopied {
    fn from(none: NoWay) -> Self {
        match none {
            NoWay::Out(place) => Self::LedTo(place),
            NoWay::Round => Self::Endless,
            NoWay::Io(error) if way::is_missing(&error) => Self::Dangling,
            NoWay::Io(error) => Self::Unreadable(error.to_string()),
        }
    }
}
