//! Puts a file or link into a directory: under a name that nobody can guess, then in one step where it belongs.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Uid, fchmod, fchown, fstat, futimens, openat, renameat, symlinkat, unlinkat,
    utimensat,
};
use rustix::process::geteuid;

use crate::error::Result;
use crate::held::Held;
use crate::meta::{Meta, Time};
use crate::restore::report::Obstacle;
use crate::temporary::Temporary;

/// The permissions that a restore gives a file: never those that let it run as its owner, who may be another one now.
pub(crate) const FILE_BITS: u32 = 0o1777;

/// What a file should be like.
pub(crate) struct Wanted<'a> {
    pub(crate) mode: u32,
    /// None for the time of now.
    pub(crate) mtime: Option<Time>,
    pub(crate) bytes: &'a [u8],
}

/// Puts a file or link into `directory`, in place of whatever else of that name is no directory.
pub(crate) fn put(
    directory: &OwnedFd,
    name: &[u8],
    wanted: &Wanted<'_>,
    temporary: &Temporary,
) -> Result<Result<(), std::io::Error>> {
    let staged = temporary.name()?;
    let made = if FileType::from_raw_mode(wanted.mode) == FileType::Symlink {
        link(directory, &staged, wanted)
    } else {
        file(directory, &staged, wanted)
    };
    let done = made.and_then(|()| Ok(renameat(directory, staged.as_str(), directory, name)?));
    if done.is_err() {
        // what cannot be removed now is recognised by the next restore
        let _gone = unlinkat(directory, staged.as_str(), AtFlags::empty());
    }
    Ok(done)
}

fn file(directory: &OwnedFd, name: &str, wanted: &Wanted<'_>) -> std::io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut made = File::from(openat(directory, name, flags, Mode::from_raw_mode(0o600))?);
    made.write_all(wanted.bytes)?;
    give_away(directory, &made)?;
    fchmod(&made, Mode::from_raw_mode(wanted.mode & FILE_BITS))?;
    if let Some(mtime) = wanted.mtime {
        futimens(&made, &mtime.as_mtime())?;
    }
    Ok(())
}

fn link(directory: &OwnedFd, name: &str, wanted: &Wanted<'_>) -> std::io::Result<()> {
    symlinkat(wanted.bytes, directory, name)?;
    match wanted.mtime {
        Some(mtime) => Ok(utimensat(directory, name, &mtime.as_mtime(), AtFlags::SYMLINK_NOFOLLOW)?),
        None => Ok(()),
    }
}

/// What root makes in a directory of another user's belongs to that user.
pub(crate) fn give_away(directory: &OwnedFd, made: impl AsFd) -> std::io::Result<()> {
    if geteuid().is_root() {
        let above = fstat(directory)?;
        if above.st_uid != 0 || above.st_gid != 0 {
            fchown(made, Some(Uid::from_raw(above.st_uid)), Some(Gid::from_raw(above.st_gid)))?;
        }
    }
    Ok(())
}

/// Gives a file or link that has its bytes the permissions and the time; false if only a new one can have them.
pub(crate) fn adjust(directory: &OwnedFd, held: &Held, now: &Meta) -> bool {
    if now.file_type() == FileType::Symlink {
        return utimensat(directory, held.name.as_slice(), &held.mtime.as_mtime(), AtFlags::SYMLINK_NOFOLLOW).is_ok();
    }
    // a second name of the file may be outside
    if now.nlink != 1 {
        return false;
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let Ok(opened) = openat(directory, held.name.as_slice(), flags, Mode::empty()) else { return false };
    let same = Meta::open(&opened).is_ok_and(|meta| meta.same_version(now) && meta.nlink == 1);
    same && fchmod(&opened, Mode::from_raw_mode(held.mode & FILE_BITS)).is_ok()
        && futimens(&opened, &held.mtime.as_mtime()).is_ok()
}

/// Why a file is not quite as it was.
pub(crate) fn shortfall(mode: u32) -> Option<Obstacle> {
    let is_file = FileType::from_raw_mode(mode) == FileType::RegularFile;
    (is_file && mode & 0o6000 != 0).then_some(Obstacle::WithoutSetId)
}
