//! A common directory of a container's own: the repository's in everything but its settings.
//!
//! The guarded `config` is a mount, and nothing can be renamed over a mount. So `git config`, `remote add`, `checkout --track` and
//! `branch -d` fail inside with `could not write config file: Device or resource busy`, the last two after having done the rest. Git looks
//! for the settings in the *common* directory, which a `commondir` file names, and a container can see another one there. It names a
//! directory that only the container has: links to all that the worktrees of the host share, and a copy of the settings, which are
//! then the container's to change.
//!
//! Tried with git 2.47, with a linked worktree and with a plain repository: status, commit, branch, tag, stash, merge, rebase, `fetch`,
//! `pack-refs`, `gc`, `fsck`, `worktree list|prune`, and the four above all work, are quiet and are seen on the host, whose `config` stays
//! as it was; locks are taken where the links lead to. `worktree list` calls the main worktree by the private directory's name.
//!
//! What does not: from git 2.50 on `fsck` takes the links for broken refs, and needs `--no-references`.
//!
//! The same for each submodule: `submodule update` writes the settings of a submodule every time, and fails if that is a mount. It asks
//! for them by way of the `commondir`, too.
//!
//! A repository that is no linked worktree has no such file. There it has to be made on the host, with `.` in it, which says what is so
//! without it: git on the host works the same with it, with further worktrees too. A mount needs something to be on, and an empty
//! file would be the end of the repository.

use std::path::PathBuf;

use super::hostile;
use super::pointer;
use super::refusal::Refusal;
use super::repository::{Link, Repository};

/// What to make, and what is to name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Private {
    /// The common directory of the host, to which the links lead.
    pub real: PathBuf,
    /// The file in which a container sees the private directory's path, and the end of a line.
    pub redirect: PathBuf,
    /// Whether the file is the host's own: otherwise it has to be [made](Self::make) there.
    pub exists: bool,
}

impl Private {
    /// What is a link into the host's, whether it is there or not.
    pub const LINKS: [&'static str; 18] = [
        "HEAD",
        "branches",
        "common",
        "description",
        "hooks",
        "lfs",
        "logs",
        "lost-found",
        "modules",
        "objects",
        "packed-refs",
        "refs",
        "reftable",
        "remotes",
        "rr-cache",
        "shallow",
        "svn",
        "worktrees",
    ];
    /// What is a copy, as far as it is there.
    pub const COPIES: [&'static str; 5] =
        ["config", "info/attributes", "info/exclude", "info/grafts", "info/sparse-checkout"];

    /// Makes the file on the host if it is not there, with what changes nothing.
    pub fn make(&self) -> Result<(), Refusal> {
        if self.exists { Ok(()) } else { hostile::make_file(&self.redirect, pointer::ITSELF) }
    }
}

impl Private {
    /// That of a repository with its own settings, such as a submodule's.
    pub(super) fn of(repository: PathBuf) -> Self {
        Self { redirect: repository.join("commondir"), real: repository, exists: false }
    }
}

impl Repository {
    /// The common directory that a container of this repository can have for itself; none for a bare one, which has nobody to work in
    /// it.
    pub(super) fn private(&self) -> Option<Private> {
        match self.link {
            Link::Bare => None,
            Link::Worktree { .. } => {
                Some(Private { real: self.common.clone(), redirect: self.git_dir.join("commondir"), exists: true })
            }
            Link::Plain | Link::Separate { .. } | Link::Submodule { .. } => Some(Private::of(self.common.clone())),
        }
    }
}
