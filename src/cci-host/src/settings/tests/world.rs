//! A home and a workspace with configuration files.

use std::fs;
use std::path::{Path, PathBuf};

use cci_core::Result;
use cci_core::settings::Settings;
use cci_core::workspace::Workspace;

use crate::caller::Caller;
use crate::settings::{Approvals, Overrides, Stack, Trust};

/// A user with a home and a project.
pub(super) struct World {
    dir: tempfile::TempDir,
    pub(super) environment: Vec<(&'static str, &'static str)>,
    pub(super) overrides: Overrides,
    pub(super) extra: Option<PathBuf>,
}

impl World {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for path in ["home/.config/cci/profiles", "proj/sub"] {
            fs::create_dir_all(dir.path().join(path)).unwrap();
        }
        Self { dir, environment: Vec::new(), overrides: Overrides::default(), extra: None }
    }

    pub(super) fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    pub(super) fn proj(&self) -> PathBuf {
        self.dir.path().join("proj")
    }

    /// Writes a file, by its path below the test's directory.
    pub(super) fn write(&self, path: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(super) fn user(self, text: &str) -> Self {
        self.write("home/.config/cci/config.toml", text);
        self
    }

    pub(super) fn project(self, text: &str) -> Self {
        self.write("proj/.cci.toml", text);
        self
    }

    pub(super) fn profile(mut self, name: &str) -> Self {
        self.overrides.profile = Some(name.to_owned());
        self
    }

    pub(super) fn stack(&self) -> Result<Stack> {
        self.stack_of(&self.proj(), Trust::Judged)
    }

    pub(super) fn stack_of(&self, workspace: &Path, trust: Trust) -> Result<Stack> {
        let caller = Caller::for_test(self.home(), &self.environment);
        Stack::read(&caller, &Workspace::at(workspace), self.extra.as_deref(), &self.overrides, trust)
    }

    /// Approves what the project's files are now.
    pub(super) fn approve(&self) {
        let stack = self.stack_of(&self.proj(), Trust::Weighed).unwrap();
        let project = stack.project().unwrap();
        Approvals::of(&self.home()).unwrap().approve(&project.path, project.hash.clone()).unwrap();
    }

    pub(super) fn settings(&self) -> Result<Settings> {
        self.stack()?.settings()
    }

    /// What is refused, with the paths of the test's directory taken out.
    pub(super) fn refusal(&self) -> String {
        let error = self.stack().and_then(|stack| stack.settings()).expect_err("nothing was refused");
        assert_eq!(error.exit(), 2, "{error}");
        error.to_string().replace(&self.dir.path().display().to_string(), "")
    }
}
