//! Where the repository of a workspace is. An agent may have written everything that `.git` files and links say.

use std::fs;
use std::path::{Path, PathBuf};

use cci_core::workspace::Workspace;
use cci_git::config;
use cci_guest::layout::WORKSPACE;

use super::small_file;

/// Why git does not work in a container that sees only the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Elsewhere {
    /// The workspace is a linked worktree: repository and worktree each name the other.
    Worktree {
        /// The main worktree, or a bare repository.
        main: PathBuf,
        /// What has to be mounted for git to work.
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
    /// `.git` is a file or a link that points outside the workspace.
    Led {
        /// Where it points.
        to: PathBuf,
    },
    /// The repository borrows objects from another one.
    Borrows {
        /// Where they are.
        from: PathBuf,
    },
    /// The repository's configuration names a worktree by its path on the host.
    Configured {
        /// The worktree.
        worktree: PathBuf,
    },
    /// It names a directory of hooks on the host, which do not run.
    Hooks {
        /// The directory.
        at: PathBuf,
    },
}

/// The git directory of a workspace; where it would be if there is none.
pub(super) fn git_dir(workspace: &Path) -> PathBuf {
    let dot = workspace.join(".git");
    named_by(&dot).map_or(dot, |named| within(workspace, &named))
}

/// The git directory that a linked worktree shares with others, or its own if it shares none.
pub(super) fn common_dir(git_dir: &Path) -> PathBuf {
    small_file::line(&git_dir.join("commondir")).map_or_else(|| git_dir.to_owned(), |common| within(git_dir, &common))
}

/// Why git does not work in a container of this workspace, if it does not. The workspace's path contains no links; a
/// repository at `home` or above does not count; `mounted` are the further mounts, as paths in the container.
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
        return borrows(workspace, &dot.join("objects"), &is_seen).or_else(|| names_host(&dot, &is_seen));
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

/// Whether a workspace may belong to a repository that is not in its `.git`.
#[must_use]
pub fn is_elsewhere(workspace: &Path) -> bool {
    let is_there = |dir: &Path| fs::symlink_metadata(dir.join(".git")).ok();
    match is_there(workspace) {
        Some(found) => !found.is_dir(),
        None => workspace.ancestors().skip(1).any(|above| is_there(above).is_some()),
    }
}

/// What a `.git` file names.
fn named_by(dot: &Path) -> Option<String> {
    Some(small_file::line(dot)?.strip_prefix("gitdir:")?.trim_start().to_owned())
}

/// A path as git resolves it from a directory, without looking at the disk.
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
    // otherwise files in the workspace could make cci suggest mounting any directory
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

fn borrows(workspace: &Path, objects: &Path, is_seen: &impl Fn(&Path) -> bool) -> Option<Elsewhere> {
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

/// A place outside the workspace in the repository's own configuration, without which git fails or silently leaves hooks
/// out.
fn names_host(git_dir: &Path, is_seen: &impl Fn(&Path) -> bool) -> Option<Elsewhere> {
    let entries = config::parse(&small_file::read(&git_dir.join("config")).ok()?).ok()?;
    let named = |key: &str| {
        let last =
            entries.iter().rfind(|entry| entry.section == "core" && entry.subsection.is_none() && entry.key == key);
        last?.value.clone().filter(|path| !path.is_empty())
    };
    let is_outside = |path: &str| {
        let inside = within(Path::new(WORKSPACE), path);
        !inside.starts_with(WORKSPACE) && !is_seen(&inside)
    };
    // git takes a relative one from its own directory
    let worktree = named("worktree").filter(|path| path.starts_with('/') && is_outside(path));
    // `~` is the agent's home there
    let hooks = || named("hookspath").filter(|path| path.starts_with('~') || is_outside(path));
    let worktree = worktree.map(|worktree| Elsewhere::Configured { worktree: worktree.into() });
    worktree.or_else(|| hooks().map(|at| Elsewhere::Hooks { at: at.into() }))
}

#[cfg(test)]
mod tests;
