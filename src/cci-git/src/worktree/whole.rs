//! Directories that git ignores, such as those of dependencies: copied whole into a new worktree, as they are in the user's.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Stat, Timespec, Timestamps, fchmod, fstat, futimens, mkdirat, openat, readlinkat,
    statat, symlinkat,
};
use rustix::io::Errno;

use super::checkout::Owner;
use super::fault::{Fault, Result};
use super::place::give;
use super::source::file;
use crate::dir::{DIRECTORY, path_of};
use crate::error::at;

/// How deep directories may lie.
const DEEPEST: usize = 128;
/// How many files and directories one may have.
const MOST: usize = 2_000_000;

/// Copies what is in a directory into another one, which is empty: files, links as they are, and directories, with their times; nothing
/// else, and no repository. Returns how many could not be read.
pub(super) fn copied(from: &OwnedFd, to: &OwnedFd, owner: Owner, path: &[u8]) -> Result<usize> {
    let mut copy = Copy { owner, count: 0, unread: 0 };
    copy.directory(from, to, path, 0)?;
    Ok(copy.unread)
}

struct Copy {
    owner: Owner,
    count: usize,
    unread: usize,
}

impl Copy {
    fn directory(&mut self, from: &OwnedFd, to: &OwnedFd, path: &[u8], depth: usize) -> Result<()> {
        for name in names(from, path)? {
            let path = [path, b"/", &name].concat();
            self.count += 1;
            if self.count > MOST || depth > DEEPEST {
                return Err(Fault::TooLarge { path: path_of(path) });
            }
            let meta = match statat(from, &*name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(meta) => meta,
                // it is in use
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(at("look at", path_of(path))(error).into()),
            };
            match FileType::from_raw_mode(meta.st_mode) {
                FileType::Directory => self.child(from, to, &name, &path, depth)?,
                FileType::RegularFile => self.file(from, to, &name, &path)?,
                FileType::Symlink => self.link(from, to, &name, &path)?,
                _ => {}
            }
        }
        let meta = fstat(from).map_err(at("look at", path_of(path.to_vec())))?;
        as_it_was(to, &meta, path)
    }

    fn child(&mut self, from: &OwnedFd, to: &OwnedFd, name: &[u8], path: &[u8], depth: usize) -> Result<()> {
        let Ok(below) = openat(from, name, DIRECTORY, Mode::empty()) else {
            self.unread += 1;
            return Ok(());
        };
        mkdirat(to, name, Mode::from_raw_mode(0o700)).map_err(at("make", path_of(path.to_vec())))?;
        give(to, name, self.owner, path)?;
        let made = openat(to, name, DIRECTORY, Mode::empty()).map_err(at("open", path_of(path.to_vec())))?;
        self.directory(&below, &made, path, depth + 1)
    }

    /// A file shares its blocks with the user's where the file system can do that.
    fn file(&mut self, from: &OwnedFd, to: &OwnedFd, name: &[u8], path: &[u8]) -> Result<()> {
        let Some(mut opened) = file(from, name) else {
            self.unread += 1;
            return Ok(());
        };
        let meta = fstat(&opened).map_err(at("look at", path_of(path.to_vec())))?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = openat(to, name, flags, Mode::from_raw_mode(0o600)).map_err(at("make", path_of(path.to_vec())))?;
        let mut made = File::from(made);
        std::io::copy(&mut opened, &mut made).map_err(at("copy", path_of(path.to_vec())))?;
        give(to, name, self.owner, path)?;
        as_it_was(&made, &meta, path)
    }

    fn link(&self, from: &OwnedFd, to: &OwnedFd, name: &[u8], path: &[u8]) -> Result<()> {
        let target = readlinkat(from, name, Vec::new()).map_err(at("read", path_of(path.to_vec())))?;
        symlinkat(target, to, name).map_err(at("make the link", path_of(path.to_vec())))?;
        give(to, name, self.owner, path)
    }
}

/// The names in a directory, without a repository's.
fn names(dir: &OwnedFd, path: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for entry in rustix::fs::Dir::read_from(dir).map_err(at("list", path_of(path.to_vec())))? {
        let name = entry.map_err(at("list", path_of(path.to_vec())))?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." && !name.eq_ignore_ascii_case(b".git") {
            all.push(name);
        }
    }
    Ok(all)
}

/// Gives a copy the rights and the time of what it is of: build tools go by them.
fn as_it_was(copy: &impl AsFd, meta: &Stat, path: &[u8]) -> Result<()> {
    let failed = |step| at(step, path_of(path.to_vec()));
    fchmod(copy, Mode::from_raw_mode(meta.st_mode & 0o777)).map_err(failed("change the rights of"))?;
    #[expect(clippy::cast_possible_wrap, reason = "nanoseconds are below a thousand million")]
    let time = |seconds: i64, nanoseconds: u64| Timespec { tv_sec: seconds, tv_nsec: nanoseconds as _ };
    let times = Timestamps {
        last_access: time(meta.st_atime, meta.st_atime_nsec),
        last_modification: time(meta.st_mtime, meta.st_mtime_nsec),
    };
    Ok(futimens(copy, &times).map_err(failed("set the time of"))?)
}
