//! What a command reads on stdin: bytes as they come; from a terminal only while cci is its foreground job.

use std::io::{self, IsTerminal};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::termios::tcgetpgrp;
use tokio::io::AsyncReadExt;
use tokio::io::unix::AsyncFd;

use crate::terminal::is_in_front;

/// How often a background job checks whether it is in the foreground again: no signal says so.
const LOOK: Duration = Duration::from_millis(200);

/// The caller's stdin.
pub enum Input {
    /// No input.
    Nothing,
    /// A terminal with job control, opened again. A background job may wait for its input, but is stopped if it reads.
    Terminal(AsyncFd<OwnedFd>),
    /// A file, a pipe, or a terminal without job control.
    Other(tokio::io::Stdin),
}

impl Input {
    /// Stdin of this process, or nothing if that was asked for.
    #[must_use]
    pub fn of_this_process(no_input: bool) -> Self {
        if no_input {
            return Self::Nothing;
        }
        let stdin = io::stdin();
        let has_jobs = stdin.is_terminal() && tcgetpgrp(&stdin).is_ok();
        match has_jobs.then(terminal) {
            Some(Ok(terminal)) => Self::Terminal(terminal),
            _ => Self::Other(tokio::io::stdin()),
        }
    }

    /// Reads the next bytes; 0 at the end.
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
