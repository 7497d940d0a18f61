//! `.worktreeinclude`: files of the user's worktree that no commit has and that a new worktree gets all the same, such as `.env`.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use ignore::gitignore::Gitignore;
use rustix::fs::{FileType, Mode, openat};

use super::fault::Result;
use super::ignores::patterns;
use super::index::Entry;
use super::source::{directory, file};
use crate::dir::DIRECTORY;
use crate::error::at;

/// The file with the patterns.
const LIST: &[u8] = b".worktreeinclude";
/// How deep files are looked for.
const DEEPEST: usize = 64;

/// Copies what the list of the worktree `from` names and no commit has; the paths of the files, which the new worktree is to ignore.
pub(super) fn copied(from: &Path, to: &Path, entries: &[Entry]) -> Result<Vec<Vec<u8>>> {
    let top = directory(from)?;
    let Some(mut list) = file(&top, LIST) else { return Ok(Vec::new()) };
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut std::io::Read::take(&mut list, 1 << 20), &mut text)
        .map_err(at("read", from.join(".worktreeinclude")))?;
    let tracked: HashSet<&[u8]> = entries.iter().map(|entry| &*entry.path).collect();
    let mut copy = Copy { wanted: patterns(&text), tracked, to, copied: Vec::new() };
    copy.directory(&top, &[], false, 0)?;
    Ok(copy.copied)
}

struct Copy<'a> {
    wanted: Gitignore,
    tracked: HashSet<&'a [u8]>,
    to: &'a Path,
    copied: Vec<Vec<u8>>,
}

impl Copy<'_> {
    fn directory(&mut self, dir: &OwnedFd, above: &[u8], all: bool, depth: usize) -> Result<()> {
        if depth > DEEPEST {
            return Ok(());
        }
        for entry in rustix::fs::Dir::read_from(dir).map_err(at("list", self.to))? {
            let entry = entry.map_err(at("list", self.to))?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." || name == b".git" {
                continue;
            }
            let path = if above.is_empty() { name.to_vec() } else { [above, b"/", name].concat() };
            let is_directory = entry.file_type() == FileType::Directory;
            let matched = self.wanted.matched(Path::new(OsStr::from_bytes(&path)), is_directory);
            let wanted = matched.is_ignore() || all && !matched.is_whitelist();
            if is_directory && let Ok(below) = openat(dir, name, DIRECTORY, Mode::empty()) {
                self.directory(&below, &path, wanted, depth + 1)?;
            } else if wanted && !self.tracked.contains(&*path) {
                self.file(dir, name, path)?;
            }
        }
        Ok(())
    }

    /// Copies a file; links and the like stay.
    fn file(&mut self, dir: &OwnedFd, name: &[u8], path: Vec<u8>) -> Result<()> {
        let Some(mut from) = file(dir, name) else { return Ok(()) };
        let place = self.to.join(OsStr::from_bytes(&path));
        fs::create_dir_all(place.parent().unwrap_or(self.to)).map_err(at("make", &place))?;
        let mut to = File::options().write(true).create_new(true).open(&place).map_err(at("make", &place))?;
        std::io::copy(&mut from, &mut to).map_err(at("copy", &place))?;
        let mode = from.metadata().map_err(at("copy", &place))?.permissions();
        to.set_permissions(mode).map_err(at("copy", &place))?;
        self.copied.push(path);
        Ok(())
    }
}
