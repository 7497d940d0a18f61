//! What a new worktree is to be, and what it did not get.

use std::path::Path;

use crate::id::Id;

/// A worktree to make.
#[derive(Debug)]
pub struct New<'a> {
    /// What the worktrees of the parent share.
    pub parent: &'a Path,
    /// What the user's own worktree there has for itself; the same if it is the main one.
    pub git_dir: &'a Path,
    /// The user's own worktree, from which files come that no commit has.
    pub files: Option<&'a Path>,
    /// Where it goes: a directory that does not exist.
    pub at: &'a Path,
    /// Its branch, such as `cci/task`.
    pub branch: &'a str,
    /// The commit that it begins at.
    pub base: Id,
    /// Who owns it: a user and a group. Only root can say so.
    pub owner: Option<(u32, u32)>,
    /// What the user ignores everywhere, as gitignore patterns.
    pub ignored: &'a [u8],
    /// Directories to copy, if git ignores them: paths from the top.
    pub copy: &'a [String],
    /// Such directories for which it gets an empty one: the caller shows them there.
    pub link: &'a [String],
}

/// What became of the directories of the user's worktree.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Made {
    /// Those for which there is an empty directory now.
    pub linked: Vec<String>,
    /// Those that it does not have, or not all of.
    pub skipped: Vec<Skipped>,
}

/// A directory that the worktree does not get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// From the top of the user's worktree.
    pub path: String,
    /// Why not.
    pub why: String,
}
