//! The caller's terminal: raw while a session is attached. Afterwards, whatever ended the session, its mode is restored and
//! everything that was switched on in it is off again.

#![expect(clippy::disallowed_methods, reason = "asked what it is only")]

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use cci_guest::modes::Modes;
use cci_incus::TermSize;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Whether both stdin and stdout are a terminal.
#[must_use]
pub fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// The same where stdin has something else to say.
#[must_use]
pub fn is_shown() -> bool {
    io::stdout().is_terminal()
}

/// Whether cci is the terminal's foreground job: one in the background may neither read nor change it.
#[must_use]
pub fn is_in_front() -> bool {
    // without a controlling terminal there is no job control
    termios::tcgetpgrp(io::stdin()).map_or(true, |front| front == rustix::process::getpgrp())
}

/// How long to wait for a terminal that accepts no output.
const STUCK: Duration = Duration::from_secs(1);

/// The mode of a terminal before it was changed and what was switched on in it since, until both are restored.
struct Saved {
    fd: Arc<OwnedFd>,
    mode: Mutex<Option<Termios>>,
    screen: Mutex<Modes>,
}

impl Saved {
    /// Restores it, once.
    fn restore(&self) {
        let Some(mode) = self.mode.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        // in the background it is the shell's, which has it back already
        if !is_in_front() {
            return;
        }
        let undo = self.screen.lock().unwrap_or_else(PoisonError::into_inner).undo();
        // draining a terminal that accepts nothing would take forever
        let when = if self.write_all(&undo) { OptionalActions::Drain } else { OptionalActions::Now };
        let _ = termios::tcsetattr(&self.fd, when, &mode);
    }

    /// Restores it, and stops this job until its shell continues it.
    fn stop(&self) {
        let mode = self.mode.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let undo = self.screen.lock().unwrap_or_else(PoisonError::into_inner).undo();
        self.write_all(&undo);
        if let Some(mode) = mode {
            let _ = termios::tcsetattr(&self.fd, OptionalActions::Drain, &mode);
        }
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
    }

    /// Makes it raw again, and switches on what was; a job in the background is stopped by that, as any is.
    fn take_again(&self) -> io::Result<()> {
        let current = termios::tcgetattr(&self.fd)?;
        let mut raw = current.clone();
        raw.make_raw();
        termios::tcsetattr(&self.fd, OptionalActions::Drain, &raw)?;
        // a shell may have changed it meanwhile
        if current.local_modes.contains(LocalModes::ICANON) {
            *self.mode.lock().unwrap_or_else(PoisonError::into_inner) = Some(current);
        }
        let redo = self.screen.lock().unwrap_or_else(PoisonError::into_inner).redo();
        self.write_all(&redo);
        Ok(())
    }

    /// Takes note of what was written, so that it can be undone.
    fn written(&self, bytes: &[u8]) {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner).written(bytes);
    }

    /// Writes to the terminal, which does not block; returns whether it accepted everything.
    fn write_all(&self, mut bytes: &[u8]) -> bool {
        let limit = Timespec::try_from(STUCK).ok();
        while !bytes.is_empty() {
            match rustix::io::write(&self.fd, bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => {
                    let mut waits = [PollFd::new(&self.fd, PollFlags::OUT)];
                    if !poll(&mut waits, limit.as_ref()).is_ok_and(|ready| ready > 0) {
                        return false;
                    }
                }
                Err(_gone) => return false,
            }
        }
        true
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
    /// Who waits for keys until this job is in front.
    behind: Mutex<Option<Waker>>,
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
        let saved = Arc::new(Saved { fd: fd.clone(), mode: Mutex::new(Some(mode)), screen: Mutex::default() });
        saved.restore_on_panic();
        // what was typed ahead is for the container
        termios::tcsetattr(&fd, OptionalActions::Drain, &raw)?;
        Ok(Self { fd, keys, saved, behind: Mutex::default() })
    }

    /// Gives it back as it was, and stops this job until its shell continues it.
    pub fn stop(&self) {
        self.saved.stop();
    }

    /// Takes it again, where something else had it while this job was stopped.
    pub fn take_again(&self) -> io::Result<()> {
        self.saved.take_again()?;
        if let Some(waiting) = self.behind().take() {
            waiting.wake();
        }
        Ok(())
    }

    fn behind(&self) -> MutexGuard<'_, Option<Waker>> {
        self.behind.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its current size; 80×24 if unknown.
    #[must_use]
    pub fn size(&self) -> TermSize {
        size_of(&self.fd)
    }

    /// What the user types.
    #[must_use]
    pub fn keys(&self) -> Keys<'_> {
        Keys(self)
    }

    /// What the user sees.
    #[must_use]
    pub fn screen(&self) -> Screen<'_> {
        Screen(self)
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

/// What the user types, without blocking. While this job is in the background, what is typed is its shell's: to read it
/// would stop a job that has just been told to end.
pub struct Keys<'a>(&'a Tty);

impl AsyncRead for Keys<'_> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut ready = ready!(self.0.keys.poll_read_ready(cx))?;
            if !is_in_front() {
                *self.0.behind() = Some(cx.waker().clone());
                return Poll::Pending;
            }
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

/// What the user sees, without blocking.
pub struct Screen<'a>(&'a Tty);

impl AsyncWrite for Screen<'_> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut ready = ready!(self.0.keys.poll_write_ready(cx))?;
            match ready.try_io(|fd| Ok(rustix::io::write(fd.get_ref(), bytes)?)) {
                Ok(written) => {
                    self.0.saved.written(bytes.get(..*written.as_ref().unwrap_or(&0)).unwrap_or_default());
                    return Poll::Ready(written);
                }
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
