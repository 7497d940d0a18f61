//! What a command reads on stdin: bytes as they come, and from a terminal only while the terminal is this job's.

use std::io::{self, IsTerminal};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::termios::tcgetpgrp;
use tokio::io::AsyncReadExt;
use tokio::io::unix::AsyncFd;

use crate::terminal::is_in_front;

/// How often a job in the background looks whether it was brought to the front: no signal says so.
const LOOK: Duration = Duration::from_millis(200);

/// The caller's stdin.
pub enum Input {
    /// There is nothing to read.
    Nothing,
    /// A terminal with jobs, opened anew: to wait for what it has to say stops nobody, only to read it does.
    Terminal(AsyncFd<OwnedFd>),
    /// A file, a pipe, or a terminal that has no jobs.
    Other(tokio::io::Stdin),
}

impl Input {
    /// Stdin as it is.
    #[must_use]
    pub fn of_this_process() -> Self {
        let stdin = io::stdin();
        let has_jobs = stdin.is_terminal() && tcgetpgrp(&stdin).is_ok();
        match has_jobs.then(terminal) {
            Some(Ok(terminal)) => Self::Terminal(terminal),
            _ => Self::Other(tokio::io::stdin()),
        }
    }

    /// Reads what there is; nothing at the end.
    pub async fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Nothing => Ok(0),
            Self::Terminal(terminal) => from_terminal(terminal, into).await,
            Self::Other(stdin) => stdin.read(into).await,
        }
    }
}

#[expect(deprecated, reason = "its successor is an unsafe fn; an owned descriptor upholds what that asks for")]
fn terminal() -> io::Result<AsyncFd<OwnedFd>> {
    let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    AsyncFd::new(rustix::fs::open("/dev/tty", flags, Mode::empty())?)
}

async fn from_terminal(terminal: &AsyncFd<OwnedFd>, into: &mut [u8]) -> io::Result<usize> {
    loop {
        let mut ready = terminal.readable().await?;
        if !is_in_front() {
            tokio::time::sleep(LOOK).await;
            continue;
        }
        if let Ok(read) = ready.try_io(|fd| Ok(rustix::io::read(fd.get_ref(), &mut *into)?)) {
            return read;
        }
    }
}
