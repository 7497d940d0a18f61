//! What must not change while an agent works: what git runs on the host, and the files by which it finds that.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::hostile::{self, Kind};
use super::nested::Nested;
use super::pointer;
use super::refusal::Refusal;
use super::repository::{self, Link, Repository};

/// The file by which git finds settings and hooks somewhere else.
const COMMON_DIR: &str = "commondir";
/// So many repositories of submodules are looked for.
const MOST_MODULES: usize = 256;

/// What is to be mounted read-only over itself, or only pinned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Guarded {
    /// Where it is on the host.
    pub path: PathBuf,
    /// Why.
    pub what: GuardedAs,
    /// Whether it is a directory, or has to become one.
    pub is_directory: bool,
    /// Whether it is there; otherwise it has to be made, empty, which means nothing to git.
    pub exists: bool,
    /// Whether it stays writable: then it is a mount only so that nobody puts another one in its place.
    pub writable: bool,
}

/// What git makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GuardedAs {
    /// Programs that git runs.
    Hooks,
    /// Settings that name programs.
    Config,
    /// Which settings are used for which file.
    Attributes,
    /// Where git finds the rest.
    Pointer,
    /// The repository itself.
    Repository,
}

impl Guarded {
    /// Makes it, empty, if it is not there: a mount needs a place to be on.
    pub fn make(&self) -> Result<(), Refusal> {
        if self.exists {
            return Ok(());
        }
        if self.is_directory {
            return hostile::make_directory(&self.path);
        }
        // `info`, which some templates leave out
        if let Some(above) = self.path.parent() {
            hostile::make_directory(above)?;
        }
        // an empty one would be the end of the repository
        let content = if self.path.ends_with(COMMON_DIR) { pointer::ITSELF } else { b"" };
        hostile::make_file(&self.path, content)
    }
}

/// Everything to guard for a workspace, what contains others first; and the repositories within others and within the workspace that
/// have settings of their own.
pub(super) fn of(
    workspace: &Path,
    found: Option<&Repository>,
    nested: &Nested,
) -> Result<(Vec<Guarded>, Vec<PathBuf>), Refusal> {
    let mut guard = Guard::default();
    let mut further = Vec::new();
    if let Some(found) = found {
        guard.own(workspace, found)?;
        further.extend(modules(&found.common)?);
    }
    for repository in &nested.repositories {
        guard.add(repository, GuardedAs::Repository, true, true)?;
        further.push(repository.clone());
        further.extend(modules(repository)?);
    }
    for repository in &further {
        repository::is_its_own(repository)?;
        guard.repository(repository, false)?;
    }
    Ok((guard.found.into_iter().collect(), further))
}

#[derive(Default)]
struct Guard {
    found: BTreeSet<Guarded>,
}

impl Guard {
    fn own(&mut self, workspace: &Path, found: &Repository) -> Result<(), Refusal> {
        self.repository(&found.common, found.by_worktree)?;
        for (name, kind) in hostile::names(&found.common.join("worktrees"), "linked worktrees")? {
            if kind == Kind::Directory {
                let of_worktree = found.common.join("worktrees").join(name);
                self.if_there(&of_worktree.join("config.worktree"), found.by_worktree)?;
                // another one's leads git on the host as well
                if hostile::kind(&of_worktree.join(COMMON_DIR))?.is_some() {
                    self.add(&of_worktree.join(COMMON_DIR), GuardedAs::Pointer, false, false)?;
                }
            }
        }
        if let (Link::Plain, Some(top)) = (&found.link, &found.top)
            && top == workspace
        {
            self.add(&found.common, GuardedAs::Repository, true, true)?;
        } else if let Some(top) = &found.top {
            // a link cannot be a mount; what it leads to is looked up on every launch
            if hostile::kind(&top.join(".git"))? == Some(Kind::File) {
                self.add(&top.join(".git"), GuardedAs::Pointer, false, false)?;
            }
        }
        if let Link::Worktree { .. } = found.link {
            self.add(&found.git_dir.join(COMMON_DIR), GuardedAs::Pointer, false, false)?;
            self.add(&found.git_dir.join("gitdir"), GuardedAs::Pointer, false, false)?;
        }
        let alternates = found.common.join("objects/info/alternates");
        if hostile::kind(&alternates)?.is_some() {
            self.add(&alternates, GuardedAs::Pointer, false, false)?;
        }
        let is_within_reach = |path: &Path| path.starts_with(workspace) || path.starts_with(&found.common);
        if let Some(hooks) = found.hooks.as_deref().filter(|hooks| is_within_reach(hooks) && *hooks != workspace) {
            self.add(hooks, GuardedAs::Hooks, true, false)?;
        }
        for include in found.includes.iter().filter(|include| is_within_reach(include)) {
            self.add(include, GuardedAs::Config, false, false)?;
        }
        Ok(())
    }

    /// What every repository has.
    fn repository(&mut self, dir: &Path, by_worktree: bool) -> Result<(), Refusal> {
        self.add(&dir.join("config"), GuardedAs::Config, false, false)?;
        let hooks = dir.join("hooks");
        // a link of the person's is common: where it leads to is guarded if an agent can write there
        if hostile::kind(&hooks)? != Some(Kind::Link) {
            self.add(&hooks, GuardedAs::Hooks, true, false)?;
        }
        self.add(&dir.join("info/attributes"), GuardedAs::Attributes, false, false)?;
        self.add(&dir.join(COMMON_DIR), GuardedAs::Pointer, false, false)?;
        self.if_there(&dir.join("config.worktree"), by_worktree)
    }

    /// Settings of a worktree: git does not look for them unless the guarded configuration says so.
    fn if_there(&mut self, path: &Path, counts: bool) -> Result<(), Refusal> {
        if counts || hostile::kind(path)?.is_some() { self.add(path, GuardedAs::Config, false, false) } else { Ok(()) }
    }

    fn add(&mut self, path: &Path, what: GuardedAs, is_directory: bool, writable: bool) -> Result<(), Refusal> {
        let exists = match hostile::kind(path)? {
            None => false,
            Some(Kind::Directory) if is_directory => true,
            Some(Kind::File) if !is_directory => true,
            Some(Kind::Link) => return Err(Refusal::Link { path: path.to_owned() }),
            Some(_) => return Err(Refusal::NoFile { path: path.to_owned() }),
        };
        self.found.insert(Guarded { path: path.to_owned(), what, is_directory, exists, writable });
        Ok(())
    }
}

/// The repositories of submodules within a repository, those of its worktrees and of theirs too.
pub(crate) fn modules(common: &Path) -> Result<Vec<PathBuf>, Refusal> {
    let mut found = Vec::new();
    let mut waiting = vec![common.join("modules")];
    for (name, kind) in hostile::names(&common.join("worktrees"), "linked worktrees")? {
        if kind == Kind::Directory {
            waiting.push(common.join("worktrees").join(name).join("modules"));
        }
    }
    let mut looked = 0;
    while let Some(dir) = waiting.pop() {
        looked += 1;
        if looked > 4 * MOST_MODULES || found.len() == MOST_MODULES {
            return Err(Refusal::TooMany { path: common.join("modules"), what: "submodules", most: MOST_MODULES });
        }
        for (name, kind) in hostile::names(&dir, "submodules")? {
            let path = dir.join(name);
            match kind {
                Kind::Directory if repository::is_repository(&path)? => {
                    waiting.push(path.join("modules"));
                    found.push(path);
                }
                // a submodule's name can have slashes
                Kind::Directory => waiting.push(path),
                Kind::Link => return Err(Refusal::Link { path }),
                Kind::File | Kind::Other => {}
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}
