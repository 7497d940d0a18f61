//! `~/.cci/worktrees/`: the workspaces of forks.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::{Component, Path, PathBuf};

use cci_core::idmap::Ids;
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};

use super::checkpoints::{Checkpoints, Worktree};
use super::put::host;
use super::remove;
use crate::git::Shared;

/// Where they are in cci's own directory.
const DIRECTORY: &str = "worktrees";
/// What comes between the name of a fork's origin and its own digits.
const FORK: &str = "-fork-";
/// How many bytes of the origin's name a fork has.
const LONGEST: usize = 40;

/// A fork that is being made, or that is removed: all that is on the host.
#[derive(Debug)]
pub struct Fork<'a> {
    /// Its workspace.
    pub workspace: &'a Path,
    /// Its part in the repository of the origin.
    pub linked: Option<&'a Worktree>,
}

/// The name of a fork, from the name of its origin and six digits.
///
/// ```
/// use cci_host::store::forks::name;
///
/// assert_eq!(name("/home/u/my proj".as_ref(), "3fa9c1"), "my-proj-fork-3fa9c1");
/// assert_eq!(name("/".as_ref(), "3fa9c1"), "workspace-fork-3fa9c1");
/// ```
#[must_use]
pub fn name(origin: &Path, digits: &str) -> String {
    let typed = origin.file_name().unwrap_or_default().to_string_lossy();
    let plain = |sign: char| if sign.is_ascii_alphanumeric() || "._-".contains(sign) { sign } else { '-' };
    let short: String = typed.chars().map(plain).take(LONGEST).collect();
    // the fork of a fork is one of the same origin
    let short = short.find(FORK).map_or(short.as_str(), |end| &short[..end]);
    let short = short.trim_start_matches(['.', '-']).trim_end_matches('.');
    format!("{}{FORK}{digits}", if short.is_empty() { "workspace" } else { short })
}

/// Where a fork of this name is.
#[must_use]
pub fn place(cci_dir: &Path, name: &str) -> PathBuf {
    cci_dir.join(DIRECTORY).join(name)
}

/// Makes the directory of a fork, private and for who the agent is on the host.
pub fn create(workspace: &Path, owner: Ids) -> Result<()> {
    let private = |recursive: bool, path: &Path| {
        fs::DirBuilder::new().recursive(recursive).mode(0o700).create(path).map_err(host("create", path))
    };
    private(true, workspace.parent().unwrap_or(workspace))?;
    private(false, workspace)?;
    if rustix::process::geteuid().is_root() {
        chown(workspace, Some(owner.uid), Some(owner.gid)).map_err(host("change the owner of", workspace))?;
    }
    Ok(())
}

/// The workspaces of all forks that cci made in its own directory, which has no link in its path.
#[must_use]
pub fn workspaces(cci_dir: &Path) -> Vec<PathBuf> {
    let above = cci_dir.join(DIRECTORY);
    if !above.is_dir() {
        return Vec::new();
    }
    let forks = Checkpoints::forks(cci_dir).unwrap_or_default();
    forks.iter().filter_map(|origin| Some(above.join(origin.fork.file_name()?))).filter(|fork| is_place(fork)).collect()
}

/// Whether a path is one that a fork can have.
#[must_use]
pub fn is_place(path: &Path) -> bool {
    let goes_up = path.components().any(|part| part == Component::ParentDir);
    let is_ours = path.parent().is_some_and(|above| above.ends_with(Path::new(".cci").join(DIRECTORY)));
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let digits = name.rsplit_once(FORK).map(|(_, digits)| digits).unwrap_or_default();
    let hex = digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    path.is_absolute() && !goes_up && is_ours && hex
}

impl Fork<'_> {
    /// Removes it; returns whether there was any of it, and whether its branch stays because it has moved.
    pub fn remove(&self, cci_dir: &Path) -> Result<(bool, bool)> {
        let mut branch_stays = false;
        if let Some(linked) = self.linked {
            let failed = |source| Error::Host { step: "change", path: linked.repository.clone(), source };
            if let Some(repository) = Shared::at(&linked.repository).map_err(failed)? {
                let failed = |source| Error::Host { step: "change", path: linked.repository.clone(), source };
                branch_stays = repository.remove(&linked.name, &linked.branch, &linked.commit).map_err(failed)?;
            }
        }
        let failed = |source| Error::Host { step: "remove", path: self.workspace.to_owned(), source };
        let real = match self.workspace.parent().map(Path::canonicalize) {
            Some(Ok(above)) => above.join(self.workspace.file_name().unwrap_or_default()),
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => self.workspace.to_owned(),
        };
        let was_there = remove::path(&real).map_err(failed)?;
        let noted = Checkpoints::forget_origin(cci_dir, &Workspace::at(self.workspace))?;
        Ok((was_there || noted, branch_stays))
    }
}
