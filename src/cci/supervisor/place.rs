//! Where the supervisor's files are: all of them in `~/.cci`, none of which a container sees.

use std::path::{Path, PathBuf};

use cci_host::store::run_dir::RunDir;

/// The places of one user's supervisor.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    run: RunDir,
    cci_dir: PathBuf,
}

impl Place {
    /// Of this `~/.cci`.
    pub(crate) fn of(cci_dir: &Path) -> Self {
        Self { run: RunDir::of(cci_dir), cci_dir: cci_dir.to_owned() }
    }

    /// The sessions.
    pub(crate) fn sessions(&self) -> &RunDir {
        &self.run
    }

    /// `~/.cci` itself.
    pub(super) fn cci_dir(&self) -> &Path {
        &self.cci_dir
    }

    /// Where it listens for commands.
    pub(crate) fn socket(&self) -> PathBuf {
        self.run.path().join("supervisor.sock")
    }

    /// What makes it the only one.
    pub(super) fn lock(&self) -> PathBuf {
        self.run.path().join("supervisor.lock")
    }

    /// There as long as the person wants none: since `supervisor stop`, until the next launch.
    pub(super) fn unwanted(&self) -> PathBuf {
        self.run.path().join("supervisor.stopped")
    }

    /// What it did.
    pub(crate) fn log(&self) -> PathBuf {
        self.cci_dir.join("logs/supervisor.log")
    }
}
