//! Bytes that go from one socket to another without leaving the kernel, by a pipe between them.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustix::io::retry_on_intr;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// As much as a pipe holds: with less, copying is faster. It is what Linux allows a user who is not root.
const PIECE: usize = 1024 * 1024;

/// So many connections have pipes at once, each two: half of what Linux lets all pipes of a user hold, 16,384 pages.
/// Beyond that it leaves every program of the user the smallest pipes.
const PAIRS: usize = 16;

/// The pipes that this process may have at once, of all containers.
#[derive(Debug, Clone)]
pub struct Pipes(Arc<Semaphore>);

impl Default for Pipes {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(2 * PAIRS)))
    }
}

/// The pipe of one direction.
pub(super) struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    /// The bytes in it.
    held: usize,
    _place: OwnedSemaphorePermit,
}

impl Pipe {
    /// A pipe, unless there are as many as may be, this process may open no more files or its user have no more in pipes.
    pub(super) fn new(pipes: &Pipes) -> Option<Self> {
        let place = Arc::clone(&pipes.0).try_acquire_owned().ok()?;
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
        fcntl_setpipe_size(&write, PIECE).ok()?;
        Some(Self { read, write, held: 0, _place: place })
    }

    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// Fills it; how many bytes came, none at the end. It has to be empty: a full one looks like a silent socket.
    pub(super) fn fill(&mut self, cx: &mut Context<'_>, from: &TcpStream) -> Poll<io::Result<usize>> {
        loop {
            ready!(from.poll_read_ready(cx))?;
            match from.try_io(Interest::READABLE, || moved(from, &self.write, PIECE)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                filled => {
                    self.held = *filled.as_ref().unwrap_or(&0);
                    return Poll::Ready(filled);
                }
            }
        }
    }

    /// Empties it as far as the socket takes it; how many bytes went.
    pub(super) fn drain(&mut self, cx: &mut Context<'_>, to: &TcpStream) -> Poll<io::Result<usize>> {
        loop {
            ready!(to.poll_write_ready(cx))?;
            match to.try_io(Interest::WRITABLE, || moved(&self.read, to, self.held)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // otherwise it would be tried for ever
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                drained => {
                    self.held -= drained.as_ref().unwrap_or(&0);
                    return Poll::Ready(drained);
                }
            }
        }
    }
}

fn moved(from: impl AsFd, to: impl AsFd, most: usize) -> io::Result<usize> {
    let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
    Ok(retry_on_intr(|| splice(&from, None, &to, None, most, flags))?)
}
