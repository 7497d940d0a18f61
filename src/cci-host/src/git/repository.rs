//! Where the repository of a workspace is: all that `.git` and its like say is text that an agent may have written.

use std::fs;
use std::path::{Path, PathBuf};

use cci_core::workspace::Workspace;
use cci_guest::layout::WORKSPACE;

use super::{config, small_file};

/// Why git does not work in a container that sees the workspace only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Elsewhere {
    /// The workspace is a linked worktree: repository and worktree each name the other.
    Worktree {
        /// The main worktree, or a bare repository.
        main: PathBuf,
        /// What of it is to be mounted for git to work.
        common: PathBuf,
        /// Where git looks for that in the container.
        inside: PathBuf,
    },
    /// The workspace is a submodule.
    Submodule {
        /// The worktree that it belongs to.
        of: PathBuf,
    },
    /// The workspace is a directory within a repository.
    Part {
        /// The worktree that it belongs to.
        of: PathBuf,
    },
    /// `.git` is a file or a link that leads out of the workspace.
    Led {
        /// Where it leads.
        to: PathBuf,
    },
    /// The repository borrows objects of another one.
    Borrows {
        /// Where they are.
        from: PathBuf,
    },
    /// Git works, and the hooks of the repository, which are elsewhere, do not run.
    Hooks {
        /// What `core.hooksPath` says.
        at: PathBuf,
    },
}

/// The git directory of a workspace; where it would be if there is none.
pub(super) fn git_dir(workspace: &Path) -> PathBuf {
    let dot = workspace.join(".git");
    named_by(&dot).map_or(dot, |named| within(workspace, &named))
}

/// The git directory that a linked worktree shares with others; itself where it shares none.
pub(super) fn common_dir(git_dir: &Path) -> PathBuf {
    small_file::line(&git_dir.join("commondir")).map_or_else(|| git_dir.to_owned(), |common| within(git_dir, &common))
}

/// Why git does not work in a container of this workspace, which is given without links; `home` is no repository that
/// directories below belong to, and `mounted` are the places of further mounts in the container.
#[must_use]
pub fn elsewhere(workspace: &Path, home: &Path, mounted: &[&str]) -> Option<Elsewhere> {
    let dot = workspace.join(".git");
    let is_seen = |inside: &Path| mounted.iter().any(|place| inside.starts_with(place));
    let kind = match fs::symlink_metadata(&dot) {
        Ok(found) => found.file_type(),
        Err(_) => return part_of(workspace, home),
    };
    if kind.is_symlink() {
        let (target, to) = (fs::read_link(&dot).ok()?, dot.canonicalize().ok()?);
        let stays =
            target.is_relative() && to.starts_with(workspace) || is_seen(&within(Path::new(WORKSPACE), &target));
        return (!stays).then_some(Elsewhere::Led { to });
    }
    if kind.is_dir() {
        return borrows(workspace, &dot.join("objects"), is_seen).or_else(|| hooks(&dot, is_seen));
    }
    let named = named_by(&dot)?;
    let inside = within(Path::new(WORKSPACE), &named);
    if is_seen(&inside) || inside.starts_with(WORKSPACE) {
        return None;
    }
    let there = within(workspace, &named);
    Some(
        worktree(&dot, &there, &inside)
            .or_else(|| submodule(workspace, &there))
            .unwrap_or(Elsewhere::Led { to: there }),
    )
}

/// What a `.git` file names.
fn named_by(dot: &Path) -> Option<String> {
    Some(small_file::line(dot)?.strip_prefix("gitdir:")?.trim_start().to_owned())
}

/// A path as git follows it from a directory, without a look at the disk.
fn within(dir: &Path, path: impl AsRef<Path>) -> PathBuf {
    Workspace::resolve(dir, path.as_ref()).path().to_owned()
}

fn worktree(dot: &Path, git_dir: &Path, inside: &Path) -> Option<Elsewhere> {
    let back = within(git_dir, small_file::line(&git_dir.join("gitdir"))?);
    if back != dot && back.canonicalize().ok()? != dot.canonicalize().ok()? {
        return None;
    }
    let shared = small_file::line(&git_dir.join("commondir"))?;
    let common = within(git_dir, &shared);
    // else an agent could write such files in its workspace, and have any directory named to be mounted
    if git_dir.parent()? != common.join("worktrees") {
        return None;
    }
    let main = if common.ends_with(".git") { common.parent()?.to_owned() } else { common.clone() };
    Some(Elsewhere::Worktree { main, inside: within(inside, &shared), common })
}

fn submodule(workspace: &Path, git_dir: &Path) -> Option<Elsewhere> {
    let modules = git_dir.ancestors().find(|above| above.ends_with(".git/modules"))?;
    let of = modules.parent()?.parent()?.to_owned();
    (workspace.starts_with(&of) && git_dir.is_dir()).then_some(Elsewhere::Submodule { of })
}

fn part_of(workspace: &Path, home: &Path) -> Option<Elsewhere> {
    let above = workspace.ancestors().skip(1).take_while(|above| !home.starts_with(above));
    let is_repository = |dir: &Path| {
        let dot = dir.join(".git");
        dot.join("HEAD").is_file() || named_by(&dot).is_some()
    };
    above.into_iter().find(|dir| is_repository(dir)).map(|of| Elsewhere::Part { of: of.to_owned() })
}

fn borrows(workspace: &Path, objects: &Path, is_seen: impl Fn(&Path) -> bool) -> Option<Elsewhere> {
    let text = String::from_utf8(small_file::read(&objects.join("info/alternates")).ok()?).ok()?;
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let objects_inside = Path::new(WORKSPACE).join(".git/objects");
    let out = |line: &&str| {
        let (there, inside) = (within(objects, line), within(&objects_inside, line));
        let stays = Path::new(line).is_relative() && there.starts_with(workspace);
        !stays && !is_seen(&inside)
    };
    lines.into_iter().find(out).map(|line| Elsewhere::Borrows { from: within(objects, line) })
}

fn hooks(git_dir: &Path, is_seen: impl Fn(&Path) -> bool) -> Option<Elsewhere> {
    let entries = config::parse(&small_file::read(&git_dir.join("config")).ok()?).ok()?;
    let at = entries.into_iter().rfind(|entry| entry.is("core", "hookspath"))?.value.filter(|at| !at.is_empty())?;
    // `~` is the agent's home there
    let is_inside = at.strip_prefix('~').is_none() && {
        let inside = within(Path::new(WORKSPACE), &at);
        inside.starts_with(WORKSPACE) || is_seen(&inside)
    };
    (!is_inside).then(|| Elsewhere::Hooks { at: at.into() })
}

#[cfg(test)]
mod tests;
