//! The user's own worktree, as far as git ignores what is in it: only of that a new worktree gets anything.

use std::collections::HashSet;
use std::io::Read as _;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, openat};
use rustix::io::Errno;

use super::fault::Result;
use super::ignores::{Ignores, patterns};
use super::index::Entry;
use super::source::{directory, file};
use crate::dir::DIRECTORY;

/// The largest file with patterns that is read.
const LARGEST: u64 = 1 << 20;

/// The worktree.
pub(super) struct Users<'a> {
    pub(super) top: OwnedFd,
    /// What the repository and the user ignore everywhere.
    own: &'a [u8],
    /// The files of the commit that the new worktree has.
    tracked: HashSet<&'a [u8]>,
}

impl<'a> Users<'a> {
    pub(super) fn new(top: &std::path::Path, own: &'a [u8], entries: &'a [Entry]) -> Result<Self> {
        let tracked = entries.iter().map(|entry| &*entry.path).collect();
        Ok(Self { top: directory(top)?, own, tracked })
    }

    /// What is ignored, with no directory's own rules yet.
    pub(super) fn ignores(&self) -> Ignores {
        let mut ignores = Ignores::default();
        ignores.add_own(self.own);
        ignores
    }

    /// Whether the commit has a file at a path.
    pub(super) fn tracks(&self, path: &[u8]) -> bool {
        self.tracked.contains(path)
    }

    /// A directory of which git ignores everything; none if it is missing, and otherwise why it is not taken.
    pub(super) fn ignored(&self, path: &[u8]) -> Result<std::result::Result<Option<OwnedFd>, &'static str>> {
        let mut ignores = self.ignores();
        let mut dir = self.top.try_clone().map_err(crate::error::at("open", "the worktree"))?;
        let (mut end, mut is_ignored) = (0_usize, false);
        for name in path.split(|byte| *byte == b'/') {
            ignores.add(&path[..end.saturating_sub(1)], &rules(&dir));
            end += name.len() + 1;
            is_ignored |= ignores.has(&path[..end - 1], true);
            dir = match openat(&dir, name, DIRECTORY, Mode::empty()) {
                Ok(below) => below,
                Err(Errno::NOENT) => return Ok(Ok(None)),
                Err(_) => return Ok(Err("it is no directory, or cannot be reached without a link")),
            };
        }
        let has_file =
            |tracked: &&&[u8]| tracked.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"));
        if self.tracked.iter().find(has_file).is_some() {
            return Ok(Err("it has files that are committed"));
        }
        // as tools do that make such directories
        let by_itself = || patterns(&rules(&dir)).matched("x", false).is_ignore();
        if !is_ignored && !by_itself() {
            return Ok(Err("git does not ignore it"));
        }
        Ok(Ok(Some(dir)))
    }
}

/// The patterns that a directory has.
pub(super) fn rules(dir: &impl AsFd) -> Vec<u8> {
    let mut text = Vec::new();
    let read = file(dir, b".gitignore").map(|opened| opened.take(LARGEST).read_to_end(&mut text));
    match read {
        Some(Ok(_)) => text,
        _ => Vec::new(),
    }
}
