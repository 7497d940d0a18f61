//! Moves what was unpacked into place: file by file next to what is there, never replacing a directory.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use cci_core::Result;
use cci_guest::GuestText;
use rustix::fs::{AtFlags, FileType, Mode, RenameFlags};
use rustix::io::Errno;

use super::entry_path::refused;
use super::exact_dir::{exact_dir, names};
use super::tree::{Finish, open_dir, times};

/// The place of a pull: a directory of the host, and the result's name in it.
pub struct Place {
    pub(crate) dir: OwnedFd,
    /// Its name in the directory.
    pub name: OsString,
}

impl Place {
    /// Opens the directory of `target`; no part of that path is a link.
    pub fn of(target: &Path) -> io::Result<Self> {
        let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
        let dir = target.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(Self { dir: exact_dir(dir)?, name })
    }

    /// Moves `name` out of `staging` into place, and sets the modes and times of directories.
    pub fn settle(&self, staging: &OwnedFd, directories: &[Finish]) -> Result<()> {
        let source = self.name.as_os_str();
        check(staging, source, &self.dir, source, Path::new(source))?;
        let mut there = HashSet::new();
        let moved = merge(staging, source, &self.dir, source, Path::new(source), &mut there);
        moved.map_err(|error| refused(format!("cannot put it in its place: {error}")))?;
        for finish in directories.iter().rev().filter(|finish| !there.contains(&finish.path)) {
            self.finish(finish).map_err(|error| refused(format!("cannot set a directory's mode: {error}")))?;
        }
        Ok(())
    }

    fn finish(&self, finish: &Finish) -> io::Result<()> {
        let dir = open_dir(&self.dir, &finish.path)?;
        rustix::fs::fchmod(&dir, Mode::from_raw_mode(finish.mode))?;
        if finish.mtime > 0 {
            rustix::fs::futimens(&dir, &times(finish.mtime))?;
        }
        Ok(())
    }
}

/// Checks for anything that a directory would replace, or that would replace one, before anything is moved.
fn check(from: &OwnedFd, name: &OsStr, to: &OwnedFd, target: &OsStr, shown: &Path) -> Result<()> {
    let failed = |error: Errno| refused(format!("cannot examine {}: {error}", GuestText::new(shown)));
    let new = kind(from, name).map_err(failed)?;
    let (Some(new), Some(old)) = (new, kind(to, target).map_err(failed)?) else { return Ok(()) };
    let is_dir = |kind: FileType| kind == FileType::Directory;
    match (is_dir(new), is_dir(old)) {
        (false, false) => Ok(()),
        (false, true) => Err(refused(format!("{} is a directory here, and stays", GuestText::new(shown)))),
        (true, false) => Err(refused(format!("{} is not a directory here, and stays", GuestText::new(shown)))),
        (true, true) => {
            let (from, to) = both(from, name, to, target).map_err(|error| refused(error.to_string()))?;
            for name in names(&from).map_err(|error| refused(error.to_string()))? {
                check(&from, &name, &to, &name, &shown.join(&name))?;
            }
            Ok(())
        }
    }
}

/// Moves one thing; an existing directory is merged.
fn merge(
    from: &OwnedFd,
    name: &OsStr,
    to: &OwnedFd,
    target: &OsStr,
    path: &Path,
    there: &mut HashSet<PathBuf>,
) -> io::Result<()> {
    if kind(from, name)? != Some(FileType::Directory) {
        return Ok(rustix::fs::renameat(from, name, to, target)?);
    }
    match rustix::fs::renameat_with(from, name, to, target, RenameFlags::NOREPLACE) {
        Err(Errno::EXIST) => {
            there.insert(path.to_owned());
            let (from, to) = both(from, name, to, target)?;
            for name in names(&from)? {
                merge(&from, &name, &to, &name, &path.join(&name), there)?;
            }
            Ok(())
        }
        done => Ok(done?),
    }
}

fn both(from: &OwnedFd, name: &OsStr, to: &OwnedFd, target: &OsStr) -> io::Result<(OwnedFd, OwnedFd)> {
    Ok((open_dir(from, Path::new(name))?, open_dir(to, Path::new(target))?))
}

fn kind(dir: impl AsFd, name: &OsStr) -> rustix::io::Result<Option<FileType>> {
    match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}
