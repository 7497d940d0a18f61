//! Packs a file or a tree of the host for a container, through no link: the tree may be one that a container writes too.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cci_core::{Error, Result};
use cci_guest::GuestText;
use cci_guest::archive::{END, Header, Kind, MAX_DEPTH, encode, padding};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use super::exact_dir::{exact_dir, names};
use super::holes::{has_holes, pieces};
use super::meter::Meter;
use super::remark::{LeftOut, Remark};

/// Whom everything belongs to in the container, and the mode of files where it is not their own.
#[derive(Debug, Clone, Copy)]
pub struct Owner {
    /// The user id in the container.
    pub uid: u32,
    /// The group id in the container.
    pub gid: u32,
    /// The permission bits, if not those on the host.
    pub mode: Option<u32>,
}

/// A tree on its way into an archive.
pub struct Pack<W> {
    to: W,
    owner: Owner,
    meter: Arc<Meter>,
    /// Files with several names, by device and inode, and the first of the names.
    linked: HashMap<(u64, u64), Vec<u8>>,
    remarks: Vec<Remark>,
}

impl<W: Write> Pack<W> {
    /// Packs into `to`, counting on `meter`.
    pub fn new(to: W, owner: Owner, meter: Arc<Meter>) -> Self {
        Self { to, owner, meter, linked: HashMap::new(), remarks: Vec::new() }
    }

    /// Packs a directory as `.`, by a path with no link in it; what was left out is returned.
    pub fn tree(mut self, root: &Path) -> Result<Vec<Remark>> {
        let dir = exact_dir(root).map_err(|error| failed(root, error))?;
        self.directory(&dir, Path::new("."), root)?;
        self.end(root)
    }

    /// Packs one file under a name, by a path with no link in it.
    pub fn file(mut self, path: &Path, name: &OsStr) -> Result<Vec<Remark>> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS);
        let packed = opened.map_err(io::Error::from).and_then(|file| {
            let stat = rustix::fs::fstat(&file)?;
            if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
                return Err(io::Error::other("it is not a regular file"));
            }
            self.regular(File::from(file), &stat, &Path::new(".").join(name))
        });
        packed.map_err(|error| failed(path, error))?;
        self.end(path)
    }

    fn end(mut self, root: &Path) -> Result<Vec<Remark>> {
        self.to.write_all(&END).and_then(|()| self.to.flush()).map_err(|error| failed(root, error))?;
        Ok(self.remarks)
    }

    fn directory(&mut self, dir: &OwnedFd, inner: &Path, outer: &Path) -> Result<()> {
        refuse_too_deep(inner, outer)?;
        let written = rustix::fs::fstat(dir).map_err(io::Error::from).and_then(|stat| {
            let mode = stat.st_mode;
            self.write_header(&Header { mode, ..self.header(Kind::Directory, inner, &stat) })
        });
        written.map_err(|error| failed(outer, error))?;
        self.meter.add_file();
        for name in names(dir).map_err(|error| failed(outer, error))? {
            self.entry(dir, &name, &inner.join(&name), &outer.join(&name))?;
        }
        Ok(())
    }

    fn entry(&mut self, dir: &OwnedFd, name: &OsStr, inner: &Path, outer: &Path) -> Result<()> {
        let stat = match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            // it was removed since its directory was read
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => return Err(failed(outer, error.into())),
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let below =
                    rustix::fs::openat(dir, name, flags, Mode::empty()).map_err(|error| failed(outer, error.into()))?;
                self.directory(&below, inner, outer)
            }
            FileType::RegularFile => self.open_regular(dir, name, inner).map_err(|error| failed(outer, error)),
            FileType::Symlink => self.symlink(dir, name, inner, &stat).map_err(|error| failed(outer, error)),
            _ => {
                self.remarks.push(Remark::LeftOut { path: GuestText::new(outer).to_string(), why: LeftOut::Special });
                Ok(())
            }
        }
    }

    fn open_regular(&mut self, dir: &OwnedFd, name: &OsStr, inner: &Path) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(dir, name, flags, Mode::empty())?);
        let stat = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(io::Error::other("it was swapped while it was read"));
        }
        self.regular(file, &stat, inner)
    }

    fn regular(&mut self, mut file: File, stat: &Stat, inner: &Path) -> io::Result<()> {
        let name = inner.as_os_str().as_bytes();
        let header = self.header(Kind::File, inner, stat);
        let header = Header { mode: self.owner.mode.unwrap_or(header.mode), ..header };
        self.meter.add_file();
        if stat.st_nlink > 1 {
            if let Some(first) = self.linked.get(&(stat.st_dev, stat.st_ino)) {
                let link = Header { kind: Kind::HardLink, link: first.clone(), size: 0, ..header };
                return self.write_header(&link);
            }
            self.linked.insert((stat.st_dev, stat.st_ino), name.to_vec());
        }
        let size = header.size;
        let map = if has_holes(stat) { pieces(&file, size)? } else { vec![(0, size)] };
        if map == [(0, size)] {
            self.write_header(&header)?;
        } else {
            let stored = map.iter().map(|(_, length)| length).sum();
            self.write_header(&Header {
                kind: Kind::Sparse,
                size: stored,
                real_size: size,
                map: map.clone(),
                ..header
            })?;
        }
        let mut stored = 0;
        for (offset, length) in map {
            file.seek(SeekFrom::Start(offset))?;
            self.copy(&mut file, length)?;
            stored += length;
        }
        self.to.write_all(padding(stored))
    }

    /// Writes exactly `length` bytes: a file that shrinks meanwhile is filled up with zeros.
    fn copy(&mut self, file: &mut File, length: u64) -> io::Result<()> {
        let mut chunk = vec![0; usize::try_from(length).unwrap_or(usize::MAX).min(256 << 10)];
        let mut left = length;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
            let mut read = file.read(&mut chunk[..most])?;
            if read == 0 {
                chunk.fill(0);
                read = most;
            }
            self.to.write_all(&chunk[..read])?;
            left -= read as u64;
            self.meter.add_bytes(read as u64);
        }
        Ok(())
    }

    fn symlink(&mut self, dir: &OwnedFd, name: &OsStr, inner: &Path, stat: &Stat) -> io::Result<()> {
        let target = rustix::fs::readlinkat(dir, name, Vec::new())?;
        self.meter.add_file();
        let header = self.header(Kind::Symlink, inner, stat);
        self.write_header(&Header { link: target.into_bytes(), size: 0, ..header })
    }

    fn header(&self, kind: Kind, inner: &Path, stat: &Stat) -> Header {
        Header {
            mode: stat.st_mode & 0o7777,
            uid: self.owner.uid.into(),
            gid: self.owner.gid.into(),
            mtime: stat.st_mtime,
            size: if kind == Kind::File { stat.st_size.unsigned_abs() } else { 0 },
            ..Header::new(kind, inner.as_os_str().as_bytes())
        }
    }

    fn write_header(&mut self, header: &Header) -> io::Result<()> {
        self.to.write_all(&encode(header))
    }
}

/// An agent can make a tree of any depth; the error names where it begins, for the whole path fills the screen.
fn refuse_too_deep(inner: &Path, outer: &Path) -> Result<()> {
    let depth = inner.components().count() - 1;
    if depth <= MAX_DEPTH {
        return Ok(());
    }
    let begins = outer.ancestors().nth(depth - 1).unwrap_or(outer);
    Err(failed(begins, io::Error::other(format!("more than {MAX_DEPTH} directories lie in one another there"))))
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::Host { step: "read", path: PathBuf::from(path), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::remove::plant_deep;

    #[test]
    fn a_tree_is_packed_down_to_the_limit_and_one_below_it_is_named() {
        let packed = |depth: usize| {
            let dir = tempfile::tempdir().unwrap();
            let root = dir.path().canonicalize().unwrap();
            plant_deep(&root, depth);
            let owner = Owner { uid: 0, gid: 0, mode: None };
            let packed = Pack::new(io::sink(), owner, Arc::new(Meter::default())).tree(&root);
            crate::store::remove::entry(exact_dir(&root).unwrap(), "d").unwrap();
            packed.map_err(|error| (error, root.join("d")))
        };
        assert_eq!(packed(MAX_DEPTH).unwrap(), []);
        let (error, begins) = packed(MAX_DEPTH + 1).unwrap_err();
        let Error::Host { path, source, .. } = error else { panic!("{error}") };
        assert_eq!(path, begins);
        assert!(source.to_string().contains("more than 512 directories"), "{source}");
    }
}
