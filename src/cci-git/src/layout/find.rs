//! Finds the repository of a workspace as git would, and what a container has to see for git to work there.

use std::path::{Path, PathBuf};

use super::guard::{self, Guarded};
use super::hostile::{self, Kind};
use super::nested::Nested;
use super::pointer;
use super::private::Private;
use super::refusal::Refusal;
use super::repository::{self, Link, Repository, Sibling};
use super::shown::{self, Shown, Stub};

/// Where git works in a container that has the workspace at a place of its own as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorksAt {
    /// Wherever the workspace is.
    Anywhere,
    /// Only where the workspace is on the host: something names it by that path, or by its way from there.
    HostPath,
}

/// How a workspace is seen by git.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The workspace.
    pub workspace: PathBuf,
    /// What git finds from there; nothing if it finds none.
    pub repository: Option<Repository>,
    /// What a container has to see, each at its path on the host.
    pub shown: Vec<Shown>,
    /// Worktrees of which a container sees only that they are there.
    pub stubs: Vec<Stub>,
    /// What an agent must not change, because git runs or follows it on the host.
    pub guarded: Vec<Guarded>,
    /// Common directories that a container can have for itself, so that it can change settings: the repository's, and those of
    /// submodules and of repositories within the workspace.
    pub privates: Vec<Private>,
    /// Where git works.
    pub works_at: WorksAt,
}

impl Layout {
    /// The layout of a workspace whose path has no link in it. A repository at `home` or above does not count, if the
    /// workspace is not that itself. `nested` are the repositories within the workspace.
    ///
    /// Nothing is run, and nothing is written.
    pub fn find(workspace: &Path, home: &Path, nested: &Nested) -> Result<Self, Refusal> {
        let Some((_, _, owner)) = hostile::identity(workspace)? else {
            return Err(hostile::failed("open", workspace)(rustix::io::Errno::NOENT));
        };
        let repository = search(workspace, home)?;
        let places =
            repository.iter().flat_map(|found| [&found.git_dir, &found.common].into_iter().chain(&found.alternates));
        for place in places {
            if let Some((_, _, its)) = hostile::identity(place)?.filter(|(_, _, its)| ![owner, 0].contains(its)) {
                return Err(Refusal::Owner { path: place.clone(), owner: its, expected: owner });
            }
        }
        let (shown, stubs) = repository.as_ref().map(|found| shown::of(workspace, found, nested)).unwrap_or_default();
        let works_at =
            if shown.iter().any(|shown| shown.path == *workspace) { WorksAt::HostPath } else { WorksAt::Anywhere };
        let (guarded, further) = guard::of(workspace, repository.as_ref(), nested)?;
        // nobody works in a bare one
        let further = further.into_iter().filter(|one| !nested.repositories.contains(one) || one.ends_with(".git"));
        let own = repository.as_ref().and_then(Repository::private);
        let privates = own.into_iter().chain(further.map(Private::of)).collect();
        Ok(Self { workspace: workspace.to_owned(), repository, shown, stubs, guarded, privates, works_at })
    }

    /// Whether the workspace is a directory within the repository's files.
    #[must_use]
    pub fn is_part(&self) -> bool {
        self.repository.as_ref().is_some_and(|found| found.top.as_ref().is_some_and(|top| *top != self.workspace))
    }

    /// Whether a path is in the repository itself, and not in that of one of its submodules.
    #[must_use]
    pub fn is_of_repository(&self, path: &Path) -> bool {
        let is_in = |common: &Path| path.starts_with(common) && !path.starts_with(common.join("modules"));
        self.repository.as_ref().is_some_and(|found| is_in(&found.common))
    }

    /// Whether each side names the other, so that no file of the workspace alone can have led to a repository elsewhere.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        let separate = |found: &Repository| matches!(found.link, Link::Separate { proven: false });
        !self.repository.as_ref().is_some_and(separate)
    }

    /// The other linked worktrees of the repository.
    #[must_use]
    pub fn siblings(&self) -> &[Sibling] {
        self.repository.as_ref().map_or(&[], |found| &found.siblings)
    }
}

/// What git finds in a directory or above it.
fn search(workspace: &Path, home: &Path) -> Result<Option<Repository>, Refusal> {
    let above = workspace.ancestors().skip(1).take_while(|above| !home.starts_with(above));
    for dir in [workspace].into_iter().chain(above) {
        if let Some(found) = at(dir, workspace)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// What git finds in exactly this directory.
fn at(dir: &Path, workspace: &Path) -> Result<Option<Repository>, Refusal> {
    let dot = dir.join(".git");
    match hostile::kind(&dot)? {
        Some(Kind::Directory) if repository::is_repository(&dot)? => {
            return Repository::inside(Some(dir), &dot, workspace).map(Some);
        }
        Some(Kind::File) => {
            let bytes = hostile::read(&dot)?.unwrap_or_default();
            let named = pointer::git_file(&bytes).ok_or_else(|| Refusal::NoPath { path: dot.clone() })?;
            return Repository::named(dir, &dot, named, workspace).map(Some);
        }
        Some(Kind::Link) => {
            let named = hostile::link(&dot)?;
            return Repository::named(dir, &dot, &named, workspace).map(Some);
        }
        Some(Kind::Other) => return Err(Refusal::NoFile { path: dot }),
        Some(Kind::Directory) | None => {}
    }
    if repository::is_repository(dir).unwrap_or(false) && dir == workspace {
        return Repository::inside(None, dir, workspace).map(Some);
    }
    Ok(None)
}
