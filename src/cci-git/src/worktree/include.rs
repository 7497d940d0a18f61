//! `.worktreeinclude`: files of the user's worktree that git ignores and that a new worktree gets all the same, such as `.env`.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use ignore::gitignore::Gitignore;
use rustix::fs::{FileType, Mode, OFlags, fstat, openat};

use super::checkout::Owner;
use super::fault::Result;
use super::ignores::{Ignores, patterns};
use super::place;
use super::source::file;
use super::users::{Users, rules};
use crate::dir::{DIRECTORY, path_of};
use crate::error::at;

/// The file with the patterns.
const LIST: &[u8] = b".worktreeinclude";
/// The largest that is read.
const LARGEST: u64 = 1 << 20;
/// How deep files are looked for.
const DEEPEST: usize = 64;

/// Copies what the list of the user's worktree names and git ignores, except from the directories `apart`; the paths of the files, which
/// the new worktree is to ignore.
pub(super) fn copied(from: &Users<'_>, to: &OwnedFd, owner: Owner, apart: &[Vec<u8>]) -> Result<Vec<Vec<u8>>> {
    let Some(list) = file(&from.top, LIST) else { return Ok(Vec::new()) };
    let mut text = Vec::new();
    list.take(LARGEST).read_to_end(&mut text).map_err(at("read", ".worktreeinclude"))?;
    let mut copy =
        Copy { from, wanted: patterns(&text), ignores: from.ignores(), apart, to, owner, copied: Vec::new() };
    copy.directory(&from.top, &[], Above::default(), 0)?;
    Ok(copy.copied)
}

struct Copy<'a> {
    from: &'a Users<'a>,
    wanted: Gitignore,
    ignores: Ignores,
    apart: &'a [Vec<u8>],
    to: &'a OwnedFd,
    owner: Owner,
    copied: Vec<Vec<u8>>,
}

/// What is so of a directory as a whole.
#[derive(Clone, Copy, Default)]
struct Above {
    wanted: bool,
    ignored: bool,
}

impl Copy<'_> {
    fn directory(&mut self, dir: &OwnedFd, above: &[u8], is: Above, depth: usize) -> Result<()> {
        if depth > DEEPEST {
            return Ok(());
        }
        if !is.ignored {
            self.ignores.add(above, &rules(dir));
        }
        for entry in rustix::fs::Dir::read_from(dir).map_err(at("list", path_of(above.to_vec())))? {
            let entry = entry.map_err(at("list", path_of(above.to_vec())))?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." || name == b".git" {
                continue;
            }
            let path = if above.is_empty() { name.to_vec() } else { [above, b"/", name].concat() };
            let is_directory = entry.file_type() == FileType::Directory;
            let matched = self.wanted.matched(Path::new(OsStr::from_bytes(&path)), is_directory);
            let now = Above {
                wanted: matched.is_ignore() || is.wanted && !matched.is_whitelist(),
                ignored: is.ignored || self.ignores.has(&path, is_directory),
            };
            if !is_directory && now.wanted && now.ignored && !self.from.tracks(&path) {
                self.file(dir, name, path)?;
            } else if is_directory
                && !self.apart.contains(&path)
                && let Ok(below) = openat(dir, name, DIRECTORY, Mode::empty())
            {
                self.directory(&below, &path, now, depth + 1)?;
            }
        }
        Ok(())
    }

    /// Copies a file; links and the like stay, and so does what the commit has something else for.
    fn file(&mut self, dir: &OwnedFd, name: &[u8], path: Vec<u8>) -> Result<()> {
        let Some(mut from) = file(dir, name) else { return Ok(()) };
        let failed = |step: &'static str| at(step, path_of(path.clone()));
        let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        let Some(above) = place::made(self.to, &path[..end], self.owner)? else { return Ok(()) };
        let mode = Mode::from_raw_mode(fstat(&from).map_err(failed("copy"))?.st_mode & 0o777);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut to = match openat(&above, name, flags, Mode::from_raw_mode(0o600)) {
            Ok(opened) => File::from(opened),
            Err(rustix::io::Errno::EXIST) => return Ok(()),
            Err(error) => return Err(failed("make")(error).into()),
        };
        std::io::copy(&mut from, &mut to).map_err(at("copy", path_of(path.clone())))?;
        rustix::fs::fchmod(&to, mode).map_err(failed("copy"))?;
        place::give(&above, name, self.owner, &path)?;
        self.copied.push(path);
        Ok(())
    }
}
