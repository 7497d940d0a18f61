//! Looks at what an agent may have written: no link is followed in any part of a path, nothing is waited for, and every
//! amount has a bound.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, ResolveFlags, Stat};
use rustix::io::Errno;

use super::refusal::Refusal;

/// No file by which git finds its way is larger.
pub(crate) const LARGEST: u64 = 1 << 20;

/// No directory of links, such as `worktrees`, has more names.
pub(crate) const MOST_NAMES: usize = 4096;

/// For so many bytes of names the kernel is asked at once.
const BUFFER: usize = 32 << 10;

const LOOK: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
const READ: OFlags =
    OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Link,
    Other,
}

type Result<T> = std::result::Result<T, Refusal>;

fn opened(path: &Path, flags: OFlags) -> Result<Option<OwnedFd>> {
    match rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(Errno::LOOP) => Err(Refusal::Link { path: path.to_owned() }),
        Err(error) => Err(failed("open", path)(error)),
    }
}

pub(crate) fn failed(step: &'static str, path: &Path) -> impl FnOnce(Errno) -> Refusal {
    move |error| Refusal::Io { step, path: path.to_owned(), source: error.into() }
}

fn stat(path: &Path) -> Result<Option<Stat>> {
    let Some((above, name)) = path.parent().zip(path.file_name()) else {
        return opened(path, LOOK)?.map(|fd| rustix::fs::fstat(fd).map_err(failed("look at", path))).transpose();
    };
    let above = match opened(above, LOOK | OFlags::DIRECTORY) {
        Ok(Some(above)) => above,
        Ok(None) => return Ok(None),
        // what was asked for is what the message names
        Err(Refusal::Link { .. }) => return Err(Refusal::Link { path: path.to_owned() }),
        Err(refusal) => return Err(refusal),
    };
    match rustix::fs::statat(above, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(failed("look at", path)(error)),
    }
}

/// What is at a path, of which only the last name may be a link.
pub(crate) fn kind(path: &Path) -> Result<Option<Kind>> {
    Ok(stat(path)?.map(|stat| match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Link,
        _ => Kind::Other,
    }))
}

/// Device and inode, and the owner.
pub(crate) fn identity(path: &Path) -> Result<Option<(u64, u64, u32)>> {
    Ok(stat(path)?.map(|stat| (stat.st_dev, stat.st_ino, stat.st_uid)))
}

/// The content of a file; nothing if there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    // never opened if it is something else: opening a device can already do something
    match kind(path)? {
        None => return Ok(None),
        Some(Kind::File) => {}
        Some(Kind::Link) => return Err(Refusal::Link { path: path.to_owned() }),
        Some(_) => return Err(Refusal::NoFile { path: path.to_owned() }),
    }
    let Some(fd) = opened(path, READ)? else { return Ok(None) };
    let io = |source| Refusal::Io { step: "read", path: path.to_owned(), source };
    let file = File::from(fd);
    if !file.metadata().map_err(io)?.is_file() {
        return Err(Refusal::NoFile { path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Refusal::TooLarge { path: path.to_owned(), most: LARGEST });
    }
    Ok(Some(bytes))
}

/// Where a link leads.
pub(crate) fn link(path: &Path) -> Result<PathBuf> {
    let Some((above, name)) = path.parent().zip(path.file_name()) else {
        return Err(Refusal::NoPath { path: path.to_owned() });
    };
    let above = opened(above, LOOK | OFlags::DIRECTORY)?.ok_or_else(|| Refusal::NoPath { path: path.to_owned() })?;
    let target = rustix::fs::readlinkat(above, name, Vec::new()).map_err(failed("read", path))?;
    super::pointer::plain(target.as_bytes())
        .map(Path::to_owned)
        .ok_or_else(|| Refusal::NoPath { path: path.to_owned() })
}

/// The names in a directory and their kinds, in order; none if there is no directory.
pub(crate) fn names(path: &Path, what: &'static str) -> Result<Vec<(OsString, Kind)>> {
    listed(path, MOST_NAMES, what, |_, _| true)
}

fn listed(
    path: &Path,
    most: usize,
    what: &'static str,
    counts: impl Fn(&[u8], Kind) -> bool,
) -> Result<Vec<(OsString, Kind)>> {
    let Some(dir) = opened(path, READ | OFlags::DIRECTORY)? else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    let mut buffer = Vec::with_capacity(BUFFER);
    let mut entries = RawDir::new(&dir, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(failed("list", path))?;
        let bytes = entry.file_name().to_bytes();
        if bytes == b"." || bytes == b".." {
            continue;
        }
        let name = OsString::from_vec(bytes.to_vec());
        let kind = match entry.file_type() {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Link,
            FileType::Unknown => match kind(&path.join(&name))? {
                Some(kind) => kind,
                None => continue,
            },
            _ => Kind::Other,
        };
        if !counts(bytes, kind) {
            continue;
        }
        if names.len() == most {
            return Err(Refusal::TooMany { path: path.to_owned(), what, most });
        }
        names.push((name, kind));
    }
    names.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    Ok(names)
}

/// The names in a directory of the workspace, where there can be any number of them, as far as they lead to repositories.
pub(crate) fn children(path: &Path) -> Result<Vec<(OsString, Kind)>> {
    listed(path, usize::MAX, "names", |name, kind| kind == Kind::Directory || [&b".git"[..], b"HEAD"].contains(&name))
}

/// What a file contains, or where a link leads, with kind and permissions.
pub(crate) fn seen(path: &Path) -> Result<Option<(u32, Vec<u8>)>> {
    let Some(found) = stat(path)? else { return Ok(None) };
    match FileType::from_raw_mode(found.st_mode) {
        FileType::Symlink => Ok(Some((found.st_mode, link(path)?.into_os_string().into_vec()))),
        FileType::Directory => Ok(None),
        _ => Ok(read(path)?.map(|bytes| (found.st_mode, bytes))),
    }
}

/// Makes an empty directory, unless there is one.
pub(crate) fn make_directory(path: &Path) -> Result<()> {
    made(path, |above, name| match rustix::fs::mkdirat(above, name, Mode::from_raw_mode(0o755)) {
        Err(Errno::EXIST) => Ok(None),
        Err(error) => Err(error),
        Ok(()) => rustix::fs::openat(above, name, READ | OFlags::DIRECTORY, Mode::empty()).map(Some),
    })
}

/// Makes a file, unless there is one.
pub(crate) fn make_file(path: &Path, content: &[u8]) -> Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    made(path, |above, name| match rustix::fs::openat(above, name, flags, Mode::from_raw_mode(0o644)) {
        Err(Errno::EXIST) => Ok(None),
        Err(error) => Err(error),
        // so short that it is written at once, or not at all
        Ok(file) => rustix::io::write(&file, content).map(|_| Some(file)),
    })
}

/// What root makes in a directory of another user's belongs to that user.
fn made(
    path: &Path,
    make: impl FnOnce(&OwnedFd, &std::ffi::OsStr) -> rustix::io::Result<Option<OwnedFd>>,
) -> Result<()> {
    let Some((above, name)) = path.parent().zip(path.file_name()) else {
        return Err(Refusal::NoPath { path: path.to_owned() });
    };
    let failed = |error| failed("make", path)(error);
    let above = opened(above, READ | OFlags::DIRECTORY)?.ok_or_else(|| failed(Errno::NOENT))?;
    if let Some(made) = make(&above, name).map_err(failed)?
        && rustix::process::geteuid().is_root()
    {
        let of = rustix::fs::fstat(&above).map_err(failed)?;
        let (user, group) = (rustix::fs::Uid::from_raw(of.st_uid), rustix::fs::Gid::from_raw(of.st_gid));
        rustix::fs::fchown(made, Some(user), Some(group)).map_err(failed)?;
    }
    Ok(())
}
