//! A tree on the host that is being unpacked: every entry of it lies below one directory, and nothing is reached by a link.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cci_guest::archive::{Header, Kind};
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, Timespec, Timestamps};

use super::meter::Meter;
use super::remark::Remark;

/// Nothing is ever opened through a link, nor out of the directory.
const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);
/// What stays free on the host's disk.
const RESERVE: u64 = 64 << 20;
/// A file below this size is not worth a look at the free space.
const SMALL: u64 = 64 << 10;

/// A directory with the mode and time that it gets when everything is in its place.
#[derive(Debug, Clone)]
pub struct Finish {
    pub(crate) path: PathBuf,
    pub(crate) mode: u32,
    pub(crate) mtime: i64,
}

/// What was unpacked.
#[derive(Debug, Default)]
pub struct Unpacked {
    /// Directories, parents first.
    pub directories: Vec<Finish>,
    /// What was left out or is worth a word.
    pub remarks: Vec<Remark>,
}

/// What there is of the tree so far.
pub(super) struct Tree {
    dir: OwnedFd,
    meter: Arc<Meter>,
    known: HashSet<PathBuf>,
    unpacked: Unpacked,
}

impl Tree {
    /// Nothing yet, below `dir`.
    pub(super) fn below(dir: OwnedFd, meter: Arc<Meter>) -> Self {
        Self { dir, meter, known: HashSet::new(), unpacked: Unpacked::default() }
    }

    /// Whether nothing was unpacked.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Whether there is something at this path.
    pub(super) fn holds(&self, path: &Path) -> bool {
        self.known.contains(path)
    }

    /// What was unpacked.
    pub(super) fn unpacked(self) -> Unpacked {
        self.unpacked
    }

    /// Notes what was left out or is worth a word.
    pub(super) fn remark(&mut self, remark: Remark) {
        /// A container that sends a million devices gets no million lines.
        const MOST: usize = 20;
        if self.unpacked.remarks.len() < MOST {
            self.unpacked.remarks.push(remark);
        }
    }

    /// A directory, which gets its mode and time later.
    pub(super) fn directory(&mut self, path: PathBuf, header: &Header) -> io::Result<()> {
        let (parent, name) = self.parent(&path)?;
        if self.known.insert(path.clone()) {
            rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o700))?;
        }
        self.meter.add_file();
        self.unpacked.directories.push(Finish { path, mode: header.mode, mtime: header.mtime });
        Ok(())
    }

    /// A file with its content; one that is there is not written over.
    pub(super) fn file(
        &mut self,
        path: &Path,
        header: &Header,
        content: &mut impl Read,
        shown: &str,
    ) -> io::Result<()> {
        self.check_room(header.size, shown)?;
        let (parent, name) = self.parent(path)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&parent, name, flags, Mode::from_raw_mode(0o600))?;
        let mut file = File::from(file);
        if header.kind == Kind::Sparse {
            self.copy_pieces(header, content, &mut file)?;
        } else {
            self.copy(content, &mut file, header.size)?;
        }
        if header.mode & 0o6000 != 0 {
            self.remark(Remark::SetIdBit { path: shown.to_owned(), mode: header.mode });
        }
        rustix::fs::fchmod(&file, Mode::from_raw_mode(header.mode))?;
        rustix::fs::futimens(&file, &times(header.mtime))?;
        self.known.insert(path.to_owned());
        self.meter.add_file();
        Ok(())
    }

    /// A file of which the container claims more than there is room for is not begun.
    fn check_room(&self, size: u64, shown: &str) -> io::Result<()> {
        if size < SMALL {
            return Ok(());
        }
        let disk = rustix::fs::fstatvfs(&self.dir)?;
        let room = disk.f_bavail.saturating_mul(disk.f_frsize).saturating_sub(RESERVE);
        if size > room {
            return Err(io::Error::other(format!("{shown} is larger than the free space ({size} bytes)")));
        }
        Ok(())
    }

    fn copy_pieces(&self, header: &Header, content: &mut impl Read, file: &mut File) -> io::Result<()> {
        for (offset, length) in &header.map {
            file.seek(SeekFrom::Start(*offset))?;
            self.copy(content, file, *length)?;
        }
        file.set_len(header.real_size)
    }

    fn copy(&self, content: &mut impl Read, file: &mut File, length: u64) -> io::Result<()> {
        let mut left = length;
        let mut chunk = vec![0; usize::try_from(length).unwrap_or(usize::MAX).min(256 << 10)];
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
            let read = content.read(&mut chunk[..most])?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            file.write_all(&chunk[..read])?;
            left -= read as u64;
            self.meter.add_bytes(read as u64);
        }
        Ok(())
    }

    /// A link, as it was sent.
    pub(super) fn symlink(&mut self, path: PathBuf, header: &Header) -> io::Result<()> {
        let (parent, name) = self.parent(&path)?;
        rustix::fs::symlinkat(OsStr::from_bytes(&header.link), &parent, name)?;
        self.known.insert(path);
        self.meter.add_file();
        Ok(())
    }

    /// Another name for a file that came with this archive.
    pub(super) fn hard_link(&mut self, target: &Path, path: PathBuf) -> io::Result<()> {
        let (from, old) = self.parent(target)?;
        let (to, new) = self.parent(&path)?;
        rustix::fs::linkat(&from, old, &to, new, AtFlags::empty())?;
        self.known.insert(path);
        self.meter.add_file();
        Ok(())
    }

    /// The directory of an entry, opened without following anything, and the entry's own name.
    fn parent<'p>(&mut self, path: &'p Path) -> io::Result<(OwnedFd, &'p OsStr)> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let Some(dir) = dir else { return Ok((self.dir.try_clone()?, name)) };
        match open_dir(&self.dir, dir) {
            Ok(opened) => Ok((opened, name)),
            // an archive need not have an entry for each directory
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let (above, own) = self.parent(dir)?;
                rustix::fs::mkdirat(&above, own, Mode::from_raw_mode(0o700))?;
                self.known.insert(dir.to_owned());
                self.unpacked.directories.push(Finish { path: dir.to_owned(), mode: 0o755, mtime: 0 });
                Ok((open_dir(&self.dir, dir)?, name))
            }
            Err(error) => Err(error),
        }
    }
}

/// Opens a directory below another, through no link.
pub(crate) fn open_dir(dir: impl AsFd, path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat2(dir, path, flags, Mode::empty(), BENEATH)?)
}

/// The modification time, and the access time left as it is.
pub(crate) fn times(mtime: i64) -> Timestamps {
    let omit = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT };
    Timestamps { last_access: omit, last_modification: Timespec { tv_sec: mtime, tv_nsec: 0 } }
}
