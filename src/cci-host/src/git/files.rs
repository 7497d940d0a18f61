//! Files of a repository that an agent can write, by directories that are held open: no link is followed, nothing is
//! waited for, and what is written is there whole or not at all.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{Gid, Mode, OFlags, Timespec, Timestamps, Uid};
use rustix::io::Errno;

use crate::store::{nameless, remove};

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
    match create_nameless(&dir, name, content) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => create_in_place(&dir, name, content),
        done => done,
    }
}

/// It gets its name with its content in it, so that no kill leaves it empty.
fn create_nameless(dir: &OwnedFd, name: &OsStr, content: &[u8]) -> io::Result<()> {
    let mut file = nameless::open(dir, ".", OFlags::empty(), Mode::from_raw_mode(0o644))?;
    give_away(dir, &file)?;
    file.write_all(content)?;
    nameless::name(&file, dir, name)
}

/// The same where a file must have a name.
fn create_in_place(dir: &OwnedFd, name: &OsStr, content: &[u8]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(dir, name, flags, Mode::from_raw_mode(0o644))?);
    give_away(dir, &file)?;
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_file_is_there_with_its_content_or_not_at_all() {
        let (dir, done) = (tempfile::tempdir().unwrap(), AtomicBool::new(false));
        let (top, path) = (File::open(dir.path()).unwrap(), Path::new("heads/x"));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..5000 {
                    create(&top, path, b"whole").unwrap();
                    remove::path(&dir.path().join(path)).unwrap();
                }
                done.store(true, Ordering::Relaxed);
            });
            let mut found = 0;
            while !done.load(Ordering::Relaxed) {
                if let Some(content) = read(&top, path).unwrap() {
                    assert_eq!(content, b"whole");
                    found += 1;
                }
            }
            assert!(found > 0, "the file was never met");
        });
    }

    #[test]
    fn what_is_there_already_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let top = File::open(dir.path()).unwrap();
        for create in [
            |top: &OwnedFd| create_nameless(top, "x".as_ref(), b"new"),
            |top: &OwnedFd| create_in_place(top, "x".as_ref(), b"new"),
        ] {
            std::fs::write(dir.path().join("x"), "old").unwrap();
            let error = create(&below(&top, Path::new("")).unwrap()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(std::fs::read(dir.path().join("x")).unwrap(), b"old");
        }
    }
}
