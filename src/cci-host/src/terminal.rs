//! The caller's terminal: raw while a session is attached, restored afterwards, whatever ends it.

#![expect(clippy::disallowed_methods, reason = "asked what it is only")]

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use cci_incus::TermSize;
use rustix::fs::OFlags;
use rustix::termios::{self, OptionalActions, Termios};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Whether both stdin and stdout are a terminal.
#[must_use]
pub fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// The mode of a terminal before it was changed, until it is restored.
struct Saved {
    fd: Arc<OwnedFd>,
    mode: Mutex<Option<Termios>>,
}

impl Saved {
    /// Restores it, once.
    fn restore(&self) {
        if let Some(mode) = self.mode.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = termios::tcsetattr(&self.fd, OptionalActions::Drain, &mode);
        }
    }

    /// A panic's message is printed before anything is dropped, and must be readable.
    fn restore_on_panic(self: &Arc<Self>) {
        let (saved, before) = (Arc::downgrade(self), std::panic::take_hook());
        std::panic::set_hook(Box::new(move |info| {
            if let Some(saved) = saved.upgrade() {
                saved.restore();
            }
            before(info);
        }));
    }
}

/// The terminal in raw mode; dropping it restores the previous mode.
pub struct Tty {
    fd: Arc<OwnedFd>,
    keys: AsyncFd<Arc<OwnedFd>>,
    saved: Arc<Saved>,
}

impl Tty {
    /// Opens `/dev/tty` again, so that its flags are not shared with the shell's, and makes it raw.
    pub fn raw() -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = Arc::new(rustix::fs::open("/dev/tty", flags, rustix::fs::Mode::empty())?);
        let keys = readiness(fd.clone())?;
        let mode = termios::tcgetattr(&fd)?;
        let mut raw = mode.clone();
        raw.make_raw();
        let saved = Arc::new(Saved { fd: fd.clone(), mode: Mutex::new(Some(mode)) });
        saved.restore_on_panic();
        // what was typed ahead is for the container
        termios::tcsetattr(&fd, OptionalActions::Drain, &raw)?;
        Ok(Self { fd, keys, saved })
    }

    /// Its current size; 80×24 if unknown.
    #[must_use]
    pub fn size(&self) -> TermSize {
        size_of(&self.fd)
    }

    /// What the user types.
    #[must_use]
    pub fn keys(&self) -> Flow<'_> {
        Flow(&self.keys)
    }

    /// What the user sees.
    #[must_use]
    pub fn screen(&self) -> Flow<'_> {
        Flow(&self.keys)
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        self.saved.restore();
    }
}

/// Lets the runtime watch the terminal.
#[expect(deprecated, reason = "its successor is an unsafe fn; an owned descriptor upholds what that asks for")]
fn readiness(fd: Arc<OwnedFd>) -> io::Result<AsyncFd<Arc<OwnedFd>>> {
    AsyncFd::new(fd)
}

/// The size of the terminal on stdout.
#[must_use]
pub fn size() -> TermSize {
    size_of(io::stdout())
}

fn size_of(fd: impl AsFd) -> TermSize {
    match termios::tcgetwinsize(fd) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => TermSize { cols: size.ws_col, rows: size.ws_row },
        _ => TermSize { cols: 80, rows: 24 },
    }
}

/// One direction of the terminal, without blocking.
pub struct Flow<'a>(&'a AsyncFd<Arc<OwnedFd>>);

impl AsyncRead for Flow<'_> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut ready = ready!(self.0.poll_read_ready(cx))?;
            let unfilled = buf.initialize_unfilled();
            match ready.try_io(|fd| Ok(rustix::io::read(fd.get_ref(), unfilled)?)) {
                Ok(read) => {
                    buf.advance(read?);
                    return Poll::Ready(Ok(()));
                }
                Err(_would_block) => {}
            }
        }
    }
}

impl AsyncWrite for Flow<'_> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut ready = ready!(self.0.poll_write_ready(cx))?;
            match ready.try_io(|fd| Ok(rustix::io::write(fd.get_ref(), bytes)?)) {
                Ok(written) => return Poll::Ready(written),
                Err(_would_block) => {}
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
