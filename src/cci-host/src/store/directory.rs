//! A directory for what is kept for this user only. One of cci's own is reached from `~/.cci` through no link; what is done in it is done where
//! it was when it was opened.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags, ResolveFlags};

const OPENS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const NO_LINKS: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS);
/// For this user only.
const PRIVATE: Mode = Mode::RWXU;

/// An open directory.
#[derive(Debug)]
pub(crate) struct Directory(OwnedFd);

impl Directory {
    /// The agent's own, wherever the person's links lead.
    pub(crate) fn of_the_agent(path: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::open(path, OPENS, Mode::empty())?))
    }

    /// One of cci's own.
    pub(crate) fn kept(cci_dir: &Path, below: &Path) -> io::Result<Self> {
        let base = rustix::fs::open(cci_dir, OPENS, Mode::empty())?;
        Ok(Self(rustix::fs::openat2(base, below, OPENS, Mode::empty(), NO_LINKS)?))
    }

    /// The same, made where it is missing, for this user only.
    pub(crate) fn made(cci_dir: &Path, below: &Path) -> io::Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(cci_dir)?;
        let mut directory = rustix::fs::open(cci_dir, OPENS, Mode::empty())?;
        for name in below {
            match rustix::fs::mkdirat(&directory, name, PRIVATE) {
                Err(error) if error != rustix::io::Errno::EXIST => return Err(error.into()),
                _ => {}
            }
            directory = rustix::fs::openat2(&directory, name, OPENS, Mode::empty(), NO_LINKS)?;
            let mode = Mode::from_raw_mode(rustix::fs::fstat(&directory)?.st_mode);
            if mode.intersects(Mode::RWXG | Mode::RWXO) {
                rustix::fs::fchmod(&directory, PRIVATE)?;
            }
        }
        Ok(Self(directory))
    }

    /// Its path as long as it is open.
    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()))
    }

    /// Locks it until it is dropped.
    pub(crate) fn lock(&self) -> io::Result<()> {
        Ok(rustix::fs::flock(&self.0, FlockOperation::LockExclusive)?)
    }

    /// A file in it; a link is not followed, and a pipe not waited for.
    pub(crate) fn open(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(self.0.as_fd(), name, flags, Mode::empty())?.into())
    }
}
