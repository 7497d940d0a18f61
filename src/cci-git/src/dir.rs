//! Directories by file descriptors: opened one by one from their parents, so that no link in the middle is ever followed, and closed
//! and opened again so that any depth is reached with few of them open.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;

use crate::meta::Meta;

/// How many directories stay open while their children wait.
const OPEN: usize = 192;
/// Beyond that, one in so many levels stays open, so that a way down is never long.
const EVERY: usize = 16;
/// And then no more.
const MOST: usize = 448;

/// How a directory is opened.
pub(crate) const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);

/// A directory of the workspace.
pub(crate) struct Dir {
    parent: Option<Arc<Dir>>,
    pub(crate) name: Box<[u8]>,
    depth: usize,
    /// As it was when it was opened first.
    pub(crate) meta: Meta,
    fd: Mutex<Option<Arc<OwnedFd>>>,
    open: Arc<AtomicUsize>,
}

impl Dir {
    /// The top of a workspace.
    pub(crate) fn root(root: &impl AsFd) -> io::Result<Arc<Self>> {
        let fd = openat(root, c".", DIRECTORY.difference(OFlags::NOFOLLOW), Mode::empty())?;
        Self::make(None, b"", 0, fd, Arc::default())
    }

    /// Opens a child. A link, or what is no directory, is an error.
    pub(crate) fn child(self: &Arc<Self>, name: &[u8]) -> io::Result<Arc<Self>> {
        let fd = openat(&*self.fd()?, name, DIRECTORY, Mode::empty())?;
        Self::make(Some(self.clone()), name, self.depth + 1, fd, self.open.clone())
    }

    fn make(
        parent: Option<Arc<Self>>,
        name: &[u8],
        depth: usize,
        fd: OwnedFd,
        open: Arc<AtomicUsize>,
    ) -> io::Result<Arc<Self>> {
        let meta = Meta::open(&fd)?;
        open.fetch_add(1, Ordering::Relaxed);
        let fd = Mutex::new(Some(Arc::new(fd)));
        Ok(Arc::new(Self { parent, name: name.into(), depth, meta, fd, open }))
    }

    /// The directory's descriptor, opened again if it was closed.
    pub(crate) fn fd(&self) -> io::Result<Arc<OwnedFd>> {
        if let Some(fd) = self.kept() {
            return Ok(fd);
        }
        let mut way = vec![self];
        let mut fd = loop {
            let Some(parent) = way.last().and_then(|dir| dir.parent.as_deref()) else {
                return Err(Errno::STALE.into());
            };
            match parent.kept() {
                Some(fd) => break fd,
                None => way.push(parent),
            }
        };
        for dir in way.into_iter().rev() {
            fd = Arc::new(openat(&*fd, &*dir.name, DIRECTORY, Mode::empty())?);
            let meta = Meta::open(&*fd)?;
            if (meta.dev, meta.ino) != (dir.meta.dev, dir.meta.ino) {
                return Err(Errno::STALE.into());
            }
        }
        Ok(fd)
    }

    /// Keeps the descriptor only if few are open, or this level is one of those to start from.
    pub(crate) fn rest(&self) {
        let open = self.open.load(Ordering::Relaxed);
        if self.depth > 0 && (open > MOST || (open > OPEN && !self.depth.is_multiple_of(EVERY))) {
            self.close();
        }
    }

    /// Closes the descriptor: nobody will ask for it soon.
    pub(crate) fn close(&self) {
        if self.depth > 0 && self.fd.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            self.open.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Where the directory is, from the top.
    pub(crate) fn path(&self) -> Vec<u8> {
        let mut names: Vec<&[u8]> = Vec::new();
        let mut dir = Some(self);
        while let Some(here) = dir.filter(|here| here.parent.is_some()) {
            names.push(&here.name);
            dir = here.parent.as_deref();
        }
        names.reverse();
        names.join(&b'/')
    }

    /// The path of a name in this directory.
    pub(crate) fn join(&self, name: &[u8]) -> Vec<u8> {
        let mut path = self.path();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        path
    }

    fn kept(&self) -> Option<Arc<OwnedFd>> {
        self.fd.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A chain of thousands of parents is taken apart step by step: each within the other would exhaust the stack.
impl Drop for Dir {
    fn drop(&mut self) {
        self.close();
        let mut next = self.parent.take();
        while let Some(mut parent) = next.and_then(Arc::into_inner) {
            next = parent.parent.take();
        }
    }
}

/// A path of bytes for a report.
pub(crate) fn path_of(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(bytes))
}
