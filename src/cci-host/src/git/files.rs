//! Files of a repository that an agent can write, by directories that are held open: no link is followed, nothing is
//! waited for, and what is written is there whole or not at all.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{Gid, Mode, OFlags, Timespec, Timestamps, Uid};
use rustix::io::Errno;

use crate::store::remove;

/// No file of a repository that is read here is larger.
const LARGEST: u64 = 64 << 20;

/// How the name of a file begins that is not in its place yet.
const BESIDE: &str = ".cci-";

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens a directory below another one, name by name.
pub(super) fn below(top: &impl AsFd, path: &Path) -> io::Result<OwnedFd> {
    walk(top, path, |_, _| Err(Errno::NOENT.into()))
}

/// The same; what is missing is made.
pub(super) fn made(top: &impl AsFd, path: &Path) -> io::Result<OwnedFd> {
    walk(top, path, |above, name| {
        match rustix::fs::mkdirat(above, name, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let made = rustix::fs::openat(above, name, DIRECTORY, Mode::empty())?;
        give_away(above, &made)?;
        Ok(made)
    })
}

fn walk(
    top: &impl AsFd,
    path: &Path,
    missing: impl Fn(&OwnedFd, &OsStr) -> io::Result<OwnedFd>,
) -> io::Result<OwnedFd> {
    let mut here = rustix::fs::openat(top, ".", DIRECTORY, Mode::empty())?;
    for part in path.components() {
        let Component::Normal(name) = part else { return Err(io::ErrorKind::InvalidInput.into()) };
        here = match rustix::fs::openat(&here, name, DIRECTORY, Mode::empty()) {
            Ok(next) => next,
            Err(Errno::NOENT) => missing(&here, name)?,
            Err(error) => return Err(error.into()),
        };
    }
    Ok(here)
}

/// The directory of a path below another one, which is made, and the path's last name.
fn place<'a>(top: &impl AsFd, path: &'a Path) -> io::Result<(OwnedFd, &'a OsStr)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    Ok((made(top, path.parent().unwrap_or(Path::new("")))?, name))
}

/// Makes a file that is not there.
pub(super) fn create(top: &impl AsFd, path: &Path, content: &[u8]) -> io::Result<()> {
    let (dir, name) = place(top, path)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(&dir, name, flags, Mode::from_raw_mode(0o644))?);
    give_away(&dir, &file)?;
    file.write_all(content)
}

/// Puts a file into place, whatever file is there.
pub(super) fn replace(top: &impl AsFd, path: &Path, content: &[u8]) -> io::Result<()> {
    let (dir, name) = place(top, path)?;
    // always the same name, which git passes over: what a kill leaves is gone when the step is repeated
    let mut beside = OsString::from(BESIDE);
    beside.push(name);
    // whatever it is: a container can have put a directory there
    let done = remove::entry(&dir, &beside)
        .and_then(|_| create(&dir, Path::new(&beside), content))
        .and_then(|()| Ok(rustix::fs::renameat(&dir, &beside, &dir, name)?));
    if done.is_err() {
        let _ = remove::entry(&dir, &beside);
    }
    done
}

/// Adds to the end of a file, which is made if it is missing.
pub(super) fn append(top: &impl AsFd, path: &Path, content: &[u8]) -> io::Result<()> {
    let (dir, name) = place(top, path)?;
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW;
    let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(&dir, name, flags, Mode::from_raw_mode(0o644))?);
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    if meta.len() == 0 {
        give_away(&dir, &file)?;
    }
    file.write_all(content)
}

/// The content of a file; `None` if there is none.
pub(super) fn read(top: &impl AsFd, path: &Path) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = open(top, path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(Some(bytes)) }
}

/// Opens a file to be read; `None` if there is none, or something else.
pub(super) fn open(top: &impl AsFd, path: &Path) -> io::Result<Option<File>> {
    let Some(name) = path.file_name() else { return Ok(None) };
    let dir = match below(top, path.parent().unwrap_or(Path::new(""))) {
        Ok(dir) => dir,
        Err(error) if is_nothing(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(&dir, name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(error) if is_nothing(&error.into()) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(file.metadata()?.is_file().then_some(file))
}

/// Whether a path leads to nothing, or only through a link.
pub(super) fn is_nothing(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(number, Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP))
}

/// Sets when a file was last modified.
pub(super) fn set_modified(top: &impl AsFd, path: &Path, seconds: i64) -> io::Result<()> {
    let Some(file) = open(top, path)? else { return Ok(()) };
    let omit = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT };
    let at = Timespec { tv_sec: seconds, tv_nsec: 0 };
    Ok(rustix::fs::futimens(file, &Timestamps { last_access: omit, last_modification: at })?)
}

/// What root makes in a directory of another user's belongs to that user.
fn give_away(dir: &impl AsFd, made: &impl AsFd) -> io::Result<()> {
    if rustix::process::geteuid().is_root() {
        let above = rustix::fs::fstat(dir)?;
        rustix::fs::fchown(made, Some(Uid::from_raw(above.st_uid)), Some(Gid::from_raw(above.st_gid)))?;
    }
    Ok(())
}
