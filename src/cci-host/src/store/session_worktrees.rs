//! The worktrees of sessions: their files are in `~/.cci/worktrees/`, and what cci notes of them beside it, where no container writes.

use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::{Path, PathBuf};

use cci_core::idmap::Ids;
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::allowed_links;
use super::put::{self, host};
use super::remove;
use crate::git::Shared;

/// Where the files are in cci's own directory.
const FILES: &str = "worktrees";
/// Where the notes are.
const NOTES: &str = "session-worktrees";
/// How long a name is at most.
const LONGEST: usize = 60;

/// The worktrees of one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worktrees {
    /// What the user calls them.
    pub name: String,
    /// One for each repository.
    pub repositories: Vec<Part>,
}

/// The worktree of one repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its directory in the workspace; empty if it is the workspace.
    pub place: String,
    /// What the worktrees of the parent share.
    pub common: PathBuf,
    /// What the user's own worktree has for itself.
    pub git_dir: PathBuf,
    /// The user's own worktree; none of a bare repository.
    pub top: Option<PathBuf>,
    /// Its branch.
    pub branch: String,
    /// The commit that it began at.
    pub base: String,
    /// The commit that was brought to the parent last.
    pub at: String,
    /// What is ignored in it besides what its commits say.
    pub exclude: String,
    /// Directories of the user's worktree that its container is shown, read-only: paths from the top.
    #[serde(default)]
    pub linked: Vec<String>,
}

impl Worktrees {
    /// Their workspace.
    #[must_use]
    pub fn workspace(&self, cci_dir: &Path) -> PathBuf {
        cci_dir.join(FILES).join(&self.name)
    }

    /// The directory of one of them.
    #[must_use]
    pub fn directory(&self, cci_dir: &Path, part: &Part) -> PathBuf {
        let workspace = self.workspace(cci_dir);
        if part.place.is_empty() { workspace } else { workspace.join(&part.place) }
    }

    /// What the logs of their branches begin with.
    #[must_use]
    pub fn why(&self) -> String {
        format!("cci worktree {}", self.name)
    }

    /// All of them, by name.
    pub fn all(cci_dir: &Path) -> Result<Vec<Self>> {
        let notes = cci_dir.join(NOTES);
        let listed = match fs::read_dir(&notes) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed.map_err(host("list", &notes))?,
        };
        let mut all = Vec::new();
        for entry in listed {
            let path = entry.map_err(host("list", &notes))?.path();
            let name = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json"));
            if let Some(name) = name.filter(|name| is_name(name)) {
                all.extend(Self::named(cci_dir, name)?);
            }
        }
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(all)
    }

    /// The ones of this name.
    pub fn named(cci_dir: &Path, name: &str) -> Result<Option<Self>> {
        let path = note(cci_dir, name);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(host("read", &path))?,
        };
        let all: Self = serde_json::from_slice(&text)
            .map_err(|error| host("read", &path)(std::io::Error::new(std::io::ErrorKind::InvalidData, error)))?;
        Ok(Some(all).filter(|all| all.name == name))
    }

    /// The ones that this workspace has.
    pub fn of(cci_dir: &Path, workspace: &Path) -> Result<Option<Self>> {
        let name = workspace.file_name().and_then(|name| name.to_str()).filter(|name| is_name(name));
        let found = name.map(|name| Self::named(cci_dir, name)).transpose()?.flatten();
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        Ok(found.filter(|found| real(&found.workspace(cci_dir)) == real(workspace)))
    }

    /// Notes them.
    pub fn note(&self, cci_dir: &Path) -> Result<()> {
        put::private_directory(&cci_dir.join(NOTES))?;
        put::json(&note(cci_dir, &self.name), self)
    }

    /// Makes the workspace, for who the agent is on the host.
    pub fn create(&self, cci_dir: &Path, owner: Ids) -> Result<()> {
        let workspace = self.workspace(cci_dir);
        put::private_directory(&cci_dir.join(FILES))?;
        fs::DirBuilder::new().mode(0o700).create(&workspace).map_err(host("create", &workspace))?;
        if rustix::process::geteuid().is_root() {
            chown(&workspace, Some(owner.uid), Some(owner.gid)).map_err(host("change the owner of", &workspace))?;
        }
        Ok(())
    }

    /// Keeps others from changing them and their note, as long as it is held.
    pub fn lock(cci_dir: &Path, name: &str) -> Result<File> {
        let dir = cci_dir.join(NOTES);
        put::private_directory(&dir)?;
        let path = dir.join(format!("{name}.lock"));
        let file = File::options().write(true).create(true).truncate(false).open(&path).map_err(host("open", &path))?;
        file.lock().map_err(host("lock", &path))?;
        Ok(file)
    }

    /// Removes their files, their branches that are where cci has left them, and the note; returns whether there was anything.
    pub fn remove(&self, cci_dir: &Path) -> Result<bool> {
        for part in &self.repositories {
            let failed = |source| Error::Host { step: "change", path: part.common.clone(), source };
            if let Some(parent) = Shared::at(&part.common).map_err(failed)? {
                parent.drop_branch(&part.branch, &part.at, &self.why()).map_err(failed)?;
            }
        }
        let above = cci_dir.join(FILES);
        let real = above.canonicalize().unwrap_or(above).join(&self.name);
        let was_there = remove::path(&real).map_err(host("remove", &real))?;
        let _ = fs::remove_file(cci_dir.join(NOTES).join(format!("{}.lock", self.name)));
        allowed_links::forget(cci_dir, &Workspace::at(self.workspace(cci_dir)))?;
        let path = note(cci_dir, &self.name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(was_there),
            done => done.map(|()| true).map_err(host("remove", &path)),
        }
    }
}

/// The workspaces of all of them in cci's own directory, which has no link in its path.
#[must_use]
pub fn workspaces(cci_dir: &Path) -> Vec<PathBuf> {
    Worktrees::all(cci_dir).unwrap_or_default().iter().map(|one| one.workspace(cci_dir)).collect()
}

fn note(cci_dir: &Path, name: &str) -> PathBuf {
    cci_dir.join(NOTES).join(format!("{name}.json"))
}

/// Whether worktrees can have this name: it becomes that of a directory and of a branch, and is none of a fork's.
///
/// ```
/// use cci_host::store::session_worktrees::is_name;
///
/// assert!(is_name("login-2") && is_name("v1.2_x"));
/// assert!(!is_name("") && !is_name("a/b") && !is_name("-a") && !is_name("a..b") && !is_name("a.lock"));
/// assert!(!is_name("proj-fork-3fa9c1"));
/// ```
#[must_use]
pub fn is_name(name: &str) -> bool {
    let plain = name.bytes().all(|sign| sign.is_ascii_alphanumeric() || b"._-".contains(&sign));
    let is_fork = name.rsplit_once("-fork-").is_some_and(|(_, digits)| digits.len() == 6);
    let ends = name.strip_suffix(".lock").is_some() || name.strip_suffix(".json").is_some();
    plain
        && !name.is_empty()
        && name.len() <= LONGEST
        && name.starts_with(|sign: char| sign.is_ascii_alphanumeric())
        && !name.ends_with('.')
        && !name.contains("..")
        && !ends
        && !is_fork
}
