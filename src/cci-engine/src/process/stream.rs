//! Connects a process in a container to the caller's terminal or pipes, in flows that never wait for one another.

#![expect(clippy::disallowed_methods, reason = "the output of a command is its own, byte for byte")]

use std::cell::Cell;
use std::io;
use std::time::Duration;

use cci_core::{Error, Result};
use cci_incus::{Control, Process, TermSize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::signal::unix::{SignalKind, signal};

use super::signals::Signals;
use super::size_report::put_right;

use crate::incus_error::DuringStep;
use cci_guest::gate::Gate;
use cci_host::input::Input;
use cci_host::terminal::{Tty, is_in_front};

/// The buffer of a flow.
const CHUNK: usize = 64 * 1024;
/// How long a command that timed out may take to exit by itself.
const GRACE: Duration = Duration::from_secs(2);

/// How long a job that goes on in the background is left to hear what else it was sent.
const MOMENT: Duration = Duration::from_millis(50);

/// The status of a command whose terminal was closed.
const HUNG_UP: i32 = 128 + rustix::process::Signal::HUP.as_raw();

/// Connects a process that was started with a terminal of this size to the caller's terminal, until it exits; returns its
/// status.
///
/// What it writes passes the gate. Signals, if given, are forwarded to the command, which decides what to do. It is killed a moment after the caller's
/// terminal has gone.
pub(crate) async fn terminal(
    mut process: Process,
    tty: &Tty,
    size: TermSize,
    gate: Gate,
    signals: Option<Signals>,
) -> Result<i32> {
    let (Some(stdin), Some(stdout), Some(control)) =
        (process.stdin.take(), process.stdout.take(), process.control.take())
    else {
        return Err(Error::Internal("a stream of the command was taken before".into()));
    };
    let keys = async {
        let _ = copy_with(tty.keys(), stdin, |typed| put_right(typed, || tty.size())).await;
        std::future::pending::<()>().await;
    };
    let steer = follow(tty, size, &control);
    let mut pass_on = std::pin::pin!(async {
        match signals {
            Some(signals) => signals.pass_on(&control).await,
            None => std::future::pending().await,
        }
    });
    let shown = tokio::select! {
        shown = show(stdout, gate, tty) => shown,
        () = keys => Ok(()),
        () = steer => Ok(()),
        () = &mut pass_on => Ok(()),
    };
    let ended = async { process.wait().await.during("wait for the command") };
    if matches!(shown, Err(Broken::Target(_))) {
        let _ = control.signal(SignalKind::hangup().as_raw_value()).await;
        return tokio::time::timeout(GRACE, ended).await.unwrap_or(Ok(HUNG_UP));
    }
    tokio::select! {
        status = ended => status,
        () = pass_on => Err(Error::Internal("the signals ended".into())),
    }
}

/// How a command with pipes exited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With this status.
    Status(i32),
    /// It timed out.
    TimedOut,
}

/// Connects a process to stdin, stdout and stderr, byte for byte as they come.
///
/// Signals that ask cci to terminate are forwarded to the command, which decides what to do. After the timeout it is
/// asked to terminate, and killed a little later.
pub(crate) async fn pipes(process: Process, signals: Signals, input: Input, limit: Option<Duration>) -> Result<Ended> {
    joined(process, signals, input, tokio::io::stdout(), tokio::io::stderr(), limit).await
}

/// The same with captured output.
pub(crate) async fn captured(
    process: Process,
    signals: Signals,
    input: Input,
    limit: Option<Duration>,
) -> Result<(Ended, Vec<u8>, Vec<u8>)> {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let ended = joined(process, signals, input, &mut out, &mut err, limit).await?;
    Ok((ended, out, err))
}

async fn joined(
    mut process: Process,
    signals: Signals,
    from: Input,
    out: impl AsyncWrite + Unpin,
    err: impl AsyncWrite + Unpin,
    limit: Option<Duration>,
) -> Result<Ended> {
    let (Some(stdin), Some(stdout), Some(control)) =
        (process.stdin.take(), process.stdout.take(), process.control.take())
    else {
        return Err(Error::Internal("a stream of the command was taken before".into()));
    };
    let stderr = process.stderr.take();
    let input = async {
        let _ = feed(from, stdin).await;
        std::future::pending::<()>().await;
    };
    let errors = async {
        match stderr {
            // stderr without a reader is no reason to end the command
            Some(stderr) => copy(stderr, err).await.or(Ok(())),
            None => Ok(()),
        }
    };
    let output = async { tokio::try_join!(copy(stdout, out), errors).map(drop) };
    let (signals, asked) = (signals.pass_on(&control), Cell::new(false));
    let mut deadline = std::pin::pin!(end_after(limit, &control, &asked));
    let mut signals = std::pin::pin!(signals);
    let flowed = tokio::select! {
        flowed = output => flowed,
        () = input => Ok(()),
        () = &mut signals => Ok(()),
        () = &mut deadline => return Ok(Ended::TimedOut),
    };
    match flowed {
        // the reader has closed the pipe: the command ends as it would have on a closed pipe
        Err(Broken::Target(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            return Ok(Ended::Status(128 + rustix::process::Signal::PIPE.as_raw()));
        }
        Err(Broken::Target(source)) => {
            return Err(Error::Host { step: "write to", path: "standard output".into(), source });
        }
        Ok(()) | Err(Broken::Source) => {}
    }
    let status = tokio::select! {
        status = process.wait() => status.during("wait for the command")?,
        () = signals => return Err(Error::Internal("the signals ended".into())),
        () = deadline => return Ok(Ended::TimedOut),
    };
    Ok(if asked.get() { Ended::TimedOut } else { Ended::Status(status) })
}

/// After the time limit, asks the command to terminate, notes that, and returns a little later; never without a limit.
async fn end_after(limit: Option<Duration>, control: &Control, asked: &Cell<bool>) {
    let Some(limit) = limit else { return std::future::pending().await };
    tokio::time::sleep(limit).await;
    asked.set(true);
    let _ = control.signal(SignalKind::terminate().as_raw_value()).await;
    tokio::time::sleep(GRACE).await;
}

/// Why a copy ended before its reader did.
enum Broken {
    /// The source is gone; the command's exit status says why.
    Source,
    /// What is read cannot be written any more.
    Target(io::Error),
}

/// Shows what passes the gate, until the reader ends.
async fn show(mut from: impl AsyncRead + Unpin, mut gate: Gate, tty: &Tty) -> Result<(), Broken> {
    let (mut chunk, mut screen) = (vec![0; CHUNK], tty.screen());
    loop {
        let read = from.read(&mut chunk).await.map_err(|_| Broken::Source)?;
        if read == 0 {
            return Ok(());
        }
        screen.write_all(&gate.pass(&chunk[..read])).await.map_err(Broken::Target)?;
    }
}

/// Copies until the reader ends, then closes the writer.
async fn copy(from: impl AsyncRead + Unpin, to: impl AsyncWrite + Unpin) -> Result<(), Broken> {
    copy_with(from, to, |_| ()).await
}

/// The same with a change to each piece.
async fn copy_with(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    change: impl Fn(&mut [u8]),
) -> Result<(), Broken> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = from.read(&mut chunk).await.map_err(|_| Broken::Source)?;
        if read == 0 {
            break;
        }
        change(&mut chunk[..read]);
        to.write_all(&chunk[..read]).await.map_err(Broken::Target)?;
        to.flush().await.map_err(Broken::Target)?;
    }
    to.shutdown().await.map_err(Broken::Target)
}

/// Copies the caller's stdin to its end, then closes the writer.
async fn feed(mut from: Input, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = from.read(&mut chunk).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&chunk[..read]).await?;
        to.flush().await?;
    }
}

/// Sends the process every new size of the terminal, including a change during its start; gives the terminal back while
/// this job is stopped, and takes it again when the job continues, whatever stopped it.
async fn follow(tty: &Tty, mut sent: TermSize, control: &Control) {
    use rustix::process::Signal;
    let kinds = [Signal::WINCH, Signal::TSTP, Signal::CONT];
    let [Ok(mut resized), Ok(mut stopped), Ok(mut goes_on)] =
        kinds.map(|kind| signal(SignalKind::from_raw(kind.as_raw())))
    else {
        return std::future::pending().await;
    };
    let mut ending = Signals::listen();
    loop {
        let size = tty.size();
        if size != sent {
            sent = size;
            let _ = control.resize(size).await;
        }
        tokio::select! {
            // first: what was sent before it, and ends cci, is still to be heard then
            biased;
            Some(()) = goes_on.recv() => {
                // in the background it stops again, unless it was told to end: then nothing may keep it from that
                if !is_in_front() && tokio::time::timeout(MOMENT, ending.next()).await.is_ok() {
                    continue;
                }
                if tty.take_again().is_ok() {
                    sent = tty.size();
                    draw_anew(sent, control).await;
                }
            }
            Some(()) = stopped.recv() => tty.stop(),
            Some(()) = resized.recv() => {}
            _ = ending.next() => {}
            else => return std::future::pending().await,
        }
    }
}

/// Makes a program draw its whole screen: it hears of a size only where it is another one.
async fn draw_anew(size: TermSize, control: &Control) {
    let other = TermSize { rows: size.rows.saturating_sub(1).max(1), ..size };
    for size in [other, size] {
        let _ = control.resize(size).await;
    }
}
