//! Unpacks what a container sends into a directory of its own, out of which nothing that it sends can reach.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cci_core::{Error, Result};
use cci_guest::archive::{Header, Kind, Reader};
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, Timespec, Timestamps};

use super::entry_path::{self, refused};
use super::meter::Meter;
use super::remark::{LeftOut, Remark};

/// Nothing is ever opened through a link, nor out of the directory.
const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);
/// What stays free on the host's disk.
const RESERVE: u64 = 64 << 20;
/// A file below this size is not worth a look at the free space.
const SMALL: u64 = 64 << 10;
/// What is read behind the end of an archive: tar fills its last record.
const TAIL: u64 = 1 << 20;

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

/// Where an archive goes.
pub struct Unpack<'a> {
    dir: OwnedFd,
    /// The name in `dir` that the root of the archive gets.
    root: &'a OsStr,
    /// A single file is wanted, and not a tree.
    single: bool,
    max_entries: u64,
    /// The only directory of the archive that is wanted, which then is its root.
    below: Option<&'a Path>,
    meter: Arc<Meter>,
    known: HashSet<PathBuf>,
    unpacked: Unpacked,
}

impl<'a> Unpack<'a> {
    /// `dir` belongs to this pull alone.
    pub fn new(dir: OwnedFd, root: &'a OsStr, single: bool, max_entries: u64, meter: Arc<Meter>) -> Self {
        Self {
            dir,
            root,
            single,
            max_entries,
            below: None,
            meter,
            known: HashSet::new(),
            unpacked: Unpacked::default(),
        }
    }

    /// Takes this directory of the archive for its root, and leaves out what is beside it.
    #[must_use]
    pub fn below(mut self, root: &'a str) -> Self {
        self.below = Some(Path::new(root));
        self
    }

    /// Unpacks everything.
    pub fn run(mut self, from: impl Read) -> Result<Unpacked> {
        let mut archive = Reader::new(from);
        let mut entries = 0;
        while let Some(header) = archive.next_entry().map_err(|error| refused(error.to_string()))? {
            entries += 1;
            if entries > self.max_entries {
                return Err(Error::StepFailed {
                    step: "pulling".into(),
                    problem: format!("the container sends more than {} entries", self.max_entries),
                    hint: Some("allow more with --max-entries".into()),
                });
            }
            self.entry(&header, &mut archive)?;
        }
        archive.drain(TAIL).map_err(|error| refused(error.to_string()))?;
        if self.known.is_empty() {
            return Err(refused("the container sent nothing".into()));
        }
        Ok(self.unpacked)
    }

    fn entry(&mut self, header: &Header, content: &mut impl Read) -> Result<()> {
        let inner = entry_path::parse(&header.path)?;
        let Some(inner) = self.wanted(&inner).map(Path::to_owned) else { return Ok(()) };
        let path = self.place(&inner)?;
        if self.single {
            self.meter.expect_bytes(header.size);
        }
        let shown = entry_path::shown(&inner);
        let made = match header.kind {
            Kind::Directory if self.single => return Err(refused("the container sent a directory for a file".into())),
            Kind::Directory => self.directory(path, header),
            Kind::File | Kind::Sparse => self.file(&path, header, content, &shown),
            Kind::Symlink if self.single => return Err(refused("the container sent a link for a file".into())),
            Kind::Symlink if !entry_path::stays_inside(&inner, &header.link) => {
                self.remark(Remark::LeftOut { path: shown, why: LeftOut::LinksOut });
                return Ok(());
            }
            Kind::Symlink => self.symlink(path, header),
            Kind::HardLink => {
                let link = entry_path::parse(&header.link)?;
                let target = self.wanted(&link).ok_or_else(|| refused(format!("{shown} links out of the tree")))?;
                let target = self.place(target)?;
                self.hard_link(&target, path)
            }
            _ if self.single => return Err(refused("it is not a regular file".into())),
            _ => {
                self.remark(Remark::LeftOut { path: shown, why: LeftOut::Special });
                return Ok(());
            }
        };
        made.map_err(|error| refused(format!("cannot write {shown}: {error}")))
    }

    /// The path of an entry below the root that is wanted; `None` beside it.
    fn wanted<'p>(&self, inner: &'p Path) -> Option<&'p Path> {
        self.below.map_or(Some(inner), |below| inner.strip_prefix(below).ok())
    }

    /// Where an entry lies in the directory.
    fn place(&self, inner: &Path) -> Result<PathBuf> {
        let root = Path::new(self.root);
        if self.single {
            if inner.components().count() > 1 || self.known.contains(root) {
                return Err(refused("the container sent more than one file".into()));
            }
            return Ok(root.to_owned());
        }
        Ok(if inner.as_os_str().is_empty() { root.to_owned() } else { root.join(inner) })
    }

    fn remark(&mut self, remark: Remark) {
        /// A container that sends a million devices gets no million lines.
        const MOST: usize = 20;
        if self.unpacked.remarks.len() < MOST {
            self.unpacked.remarks.push(remark);
        }
    }

    fn directory(&mut self, path: PathBuf, header: &Header) -> io::Result<()> {
        let (parent, name) = self.parent(&path)?;
        if self.known.insert(path.clone()) {
            rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o700))?;
        }
        self.meter.add_file();
        self.unpacked.directories.push(Finish { path, mode: header.mode, mtime: header.mtime });
        Ok(())
    }

    fn file(&mut self, path: &Path, header: &Header, content: &mut impl Read, shown: &str) -> io::Result<()> {
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

    fn symlink(&mut self, path: PathBuf, header: &Header) -> io::Result<()> {
        let (parent, name) = self.parent(&path)?;
        rustix::fs::symlinkat(OsStr::from_bytes(&header.link), &parent, name)?;
        self.known.insert(path);
        self.meter.add_file();
        Ok(())
    }

    /// Another name for a file that came with this archive.
    fn hard_link(&mut self, target: &Path, path: PathBuf) -> io::Result<()> {
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
