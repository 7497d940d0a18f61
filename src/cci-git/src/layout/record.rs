//! What a launch notes of a layout, on the host, and what a later launch finds changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::find::Layout;
use super::repository::Link;

/// A layout as it was when it was allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// How git gets from the workspace to the repository.
    pub link: Way,
    /// The directory with the files.
    pub top: Option<PathBuf>,
    /// What is the worktree's own.
    pub git_dir: Option<PathBuf>,
    /// What all worktrees share.
    pub common: Option<PathBuf>,
    /// The hooks, if they are not in the repository.
    pub hooks: Option<PathBuf>,
    /// Further files of configuration.
    pub includes: BTreeSet<PathBuf>,
    /// Where objects are borrowed from.
    pub alternates: BTreeSet<PathBuf>,
    /// What a git has to know.
    pub extensions: BTreeSet<String>,
    /// The other linked worktrees.
    pub worktrees: BTreeMap<String, PathBuf>,
}

/// How git gets to a repository, as it is noted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// There is none.
    #[default]
    None,
    /// `.git` is a directory.
    Plain,
    /// The workspace is a bare repository.
    Bare,
    /// A linked worktree.
    Worktree,
    /// `.git` names a directory elsewhere.
    Separate,
    /// A submodule.
    Submodule,
}

/// One thing that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// What it is.
    pub what: What,
    /// What it was; nothing if it was not there.
    pub was: Option<String>,
    /// What it is now; nothing if it is gone.
    pub is: Option<String>,
}

/// What can change in a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// How git gets to the repository.
    Link,
    /// The directory with the files.
    Top,
    /// What is the worktree's own.
    GitDir,
    /// What all worktrees share.
    Common,
    /// `core.hooksPath`.
    Hooks,
    /// A file that the configuration includes.
    Include,
    /// A place from which objects are borrowed.
    Alternate,
    /// An extension of the repository's format.
    Extension,
    /// Another linked worktree.
    Worktree,
}

impl Record {
    /// What to note of a layout.
    #[must_use]
    pub fn of(layout: &Layout) -> Self {
        let Some(found) = &layout.repository else { return Self::default() };
        let link = match found.link {
            Link::Plain => Way::Plain,
            Link::Bare => Way::Bare,
            Link::Worktree { .. } => Way::Worktree,
            Link::Separate { .. } => Way::Separate,
            Link::Submodule { .. } => Way::Submodule,
        };
        Self {
            link,
            top: found.top.clone(),
            git_dir: Some(found.git_dir.clone()),
            common: Some(found.common.clone()),
            hooks: found.hooks.clone(),
            includes: found.includes.clone(),
            alternates: found.alternates.iter().cloned().collect(),
            extensions: found.extensions.clone(),
            worktrees: found.siblings.iter().map(|one| (one.name.clone(), one.top.clone())).collect(),
        }
    }

    /// What is not as it was, in a fixed order.
    #[must_use]
    pub fn changes(&self, now: &Self) -> Vec<Changed> {
        let mut changes = Vec::new();
        let mut note = |what, was: Option<String>, is: Option<String>| {
            if was != is {
                changes.push(Changed { what, was, is });
            }
        };
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        note(What::Link, self.link.word(), now.link.word());
        note(What::Top, path(&self.top), path(&now.top));
        note(What::GitDir, path(&self.git_dir), path(&now.git_dir));
        // a plain repository shares what is its own
        if self.common != self.git_dir || now.common != now.git_dir {
            note(What::Common, path(&self.common), path(&now.common));
        }
        note(What::Hooks, path(&self.hooks), path(&now.hooks));
        let text = |all: &BTreeSet<PathBuf>| all.iter().map(|path| path.display().to_string()).collect::<BTreeSet<_>>();
        for (what, was, is) in [
            (What::Include, text(&self.includes), text(&now.includes)),
            (What::Alternate, text(&self.alternates), text(&now.alternates)),
            (What::Extension, self.extensions.clone(), now.extensions.clone()),
        ] {
            was.difference(&is).for_each(|gone| note(what, Some(gone.clone()), None));
            is.difference(&was).for_each(|new| note(what, None, Some(new.clone())));
        }
        let names: BTreeSet<&String> = self.worktrees.keys().chain(now.worktrees.keys()).collect();
        for name in names {
            let of = |all: &BTreeMap<String, PathBuf>| all.get(name).map(|top| format!("{name} at {}", top.display()));
            note(What::Worktree, of(&self.worktrees), of(&now.worktrees));
        }
        changes
    }
}

impl Way {
    fn word(self) -> Option<String> {
        Some(
            match self {
                Self::None => return None,
                Self::Plain => "a repository of its own",
                Self::Bare => "a bare repository",
                Self::Worktree => "a linked worktree",
                Self::Separate => "a separate git directory",
                Self::Submodule => "a submodule",
            }
            .to_owned(),
        )
    }
}

impl Changed {
    /// Whether a launch must not go on before a person has said that it was them: something else is shown to the agent, or
    /// runs on the host. Where there was nothing, a repository in the workspace is no reason, nor is its end.
    #[must_use]
    pub fn needs_consent(&self) -> bool {
        match self.what {
            What::Top | What::GitDir | What::Common => self.was.is_some() && self.is.is_some(),
            What::Link => self.is.as_deref().is_some_and(|is| Way::Plain.word().as_deref() != Some(is)),
            What::Hooks | What::Include | What::Alternate => self.is.is_some(),
            What::Extension | What::Worktree => false,
        }
    }
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            What::Link => "the workspace's git",
            What::Top => "the repository's worktree",
            What::GitDir => "the git directory",
            What::Common => "the common git directory",
            What::Hooks => "core.hooksPath",
            What::Include => "an included configuration file",
            What::Alternate => "a repository to borrow objects from",
            What::Extension => "a repository extension",
            What::Worktree => "the linked worktree",
        };
        match (&self.was, &self.is) {
            (Some(was), Some(is)) => write!(f, "{what} was {was} and is now {is}"),
            (None, Some(is)) => write!(f, "{what} is new: {is}"),
            (Some(was), None) => write!(f, "{what} is gone: {was}"),
            (None, None) => write!(f, "{what} is as it was"),
        }
    }
}
