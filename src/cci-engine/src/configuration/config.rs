//! Reads, writes and approves configuration files; none of it needs Incus.

#[cfg(test)]
mod tests;

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use cci_guest::GuestText;

use crate::blocking::blocking;
use cci_host::caller::Caller;
use cci_host::settings::{self, Approvals, Overrides, Places, Project, Stack, Trust};
use cci_host::store::put;

/// Where configuration is read from in this run.
pub struct Configured {
    caller: Caller,
    workspace: Workspace,
    extra: Option<PathBuf>,
    overrides: Overrides,
}

impl Configured {
    /// The files of a workspace, with what the command line overrides.
    pub fn new(workspace: &Path, extra: Option<&Path>, overrides: Overrides) -> Result<Self> {
        let mut caller = Caller::of_this_process()?;
        caller.is_current_dir_gone &= workspace.is_relative();
        let workspace = Workspace::resolve(&caller.current_dir, workspace);
        Ok(Self { caller, workspace, extra: extra.map(Path::to_owned), overrides })
    }

    /// All layers.
    pub fn read(&self, trust: Trust) -> Result<Stack> {
        Stack::read(&self.caller, &self.workspace, self.extra.as_deref(), &self.overrides, trust)
    }

    /// Whether each profile is valid: what it inherits exists and is not circular.
    pub fn check_profiles(stack: &Stack) -> Result<()> {
        stack.settings()?;
        stack.profiles().keys().try_for_each(|name| stack.with_profile(name).settings().map(drop))
    }

    /// Where the files are looked for.
    #[must_use]
    pub fn places(&self) -> Places {
        settings::places(&self.caller, &self.workspace, self.extra.as_deref())
    }

    /// What this user has approved.
    pub fn approvals(&self) -> Result<Approvals> {
        Approvals::of(&self.caller.home)
    }

    /// The project's files, with everything in them that any launch could need approval for.
    pub fn project(&self) -> Result<Project> {
        let overrides = Overrides { brings_credentials: true, ..self.overrides.clone() };
        let stack = Stack::read(&self.caller, &self.workspace, self.extra.as_deref(), &overrides, Trust::Weighed)?;
        stack.project().cloned().ok_or_else(|| {
            let problem = format!("there is no {}", GuestText::new(self.places().project));
            Error::Config { problem, hint: None }
        })
    }

    /// Approves a project's files as they were read.
    pub fn approve(&self, project: &Project) -> Result<()> {
        self.caller.refuse_anothers_home()?;
        self.approvals()?.approve(&project.path, project.hash.clone())
    }

    /// Writes the commented file; an existing one stays unless `force`.
    pub fn init(&self, project: bool, force: bool) -> Result<PathBuf> {
        if project {
            self.caller.refuse_removed(self.workspace.path())?;
        }
        let path = self.file(project);
        if path.exists() && !force {
            return Err(Error::Config {
                problem: format!("{} already exists", GuestText::new(&path)),
                hint: Some("change it with `cci config edit`, or replace it with --force".into()),
            });
        }
        self.write(&path, &settings::starter())?;
        Ok(path)
    }

    /// A new file with a profile, next to the user's configuration.
    pub(crate) fn create_profile(&self, name: &str, text: &str, force: bool) -> Result<PathBuf> {
        let path = self.file(false).with_file_name("profiles").join(format!("{name}.toml"));
        if path.exists() && !force {
            return Err(Error::Config {
                problem: format!("{} already exists", GuestText::new(&path)),
                hint: Some("replace it with --force".into()),
            });
        }
        self.write(&path, text)?;
        Ok(path)
    }

    pub(super) fn write(&self, path: &Path, text: &str) -> Result<()> {
        self.caller.refuse_anothers_home()?;
        let dir = path.parent().unwrap_or(Path::new("/"));
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|source| Error::Host { step: "create", path: dir.to_owned(), source })?;
        put::atomically(path, text.as_bytes(), put::PRIVATE)
    }

    pub(super) fn file(&self, project: bool) -> PathBuf {
        let places = self.places();
        if project { places.project } else { places.user }
    }
}

/// Opens a file in the user's editor, created from the commented one if it is missing; returns its path.
pub async fn edit(cx: &Configured, project: bool) -> Result<PathBuf> {
    let path = cx.file(project);
    if project && path.is_symlink() {
        return Err(Error::Config {
            problem: format!("{} is a link, which the editor would follow", GuestText::new(&path)),
            hint: Some("replace it with `cci config init --project --force`".into()),
        });
    }
    if !path.exists() {
        cx.init(project, false)?;
    }
    let editor = ["VISUAL", "EDITOR"].into_iter().find_map(|name| cx.caller.var(name)).unwrap_or("vi").to_owned();
    let file = path.clone();
    // the variable may contain arguments, as for git
    let line = format!("{editor} \"$@\"");
    let run = move || {
        let status = std::process::Command::new("sh").args(["-c", &line, "cci"]).arg(&file).status();
        status.map_err(|source| Error::Host { step: "start", path: "sh".into(), source })
    };
    let status = blocking(run).await?;
    if status.success() {
        return Ok(path);
    }
    Err(Error::StepFailed { step: format!("editor {editor}"), problem: status.to_string(), hint: None })
}
