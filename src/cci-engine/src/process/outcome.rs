//! How a command in a container exited, and its output if that was captured.

use std::time::{Duration, Instant};

use cci_core::{Error, Result};
use cci_guest::gate::Gate;
use cci_incus::{Process, TermSize};

use crate::process::signals::Signals;
use crate::process::stream::{self, Ended};
use cci_host::input::Input;
use cci_host::terminal::Tty;

/// The status of a command that timed out, as `timeout` has it.
const TIMED_OUT: i32 = 124;

/// How a command exited.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit status; 128 plus the signal's number if a signal killed it.
    pub status: i32,
    /// Its stdout, if captured.
    pub stdout: Vec<u8>,
    /// Its stderr, if captured.
    pub stderr: Vec<u8>,
    /// From its start to its exit.
    pub duration: Duration,
}

impl Outcome {
    /// Its status as an exit status of this process.
    #[must_use]
    pub fn exit(&self) -> u8 {
        u8::try_from(self.status).unwrap_or(u8::MAX)
    }
}

/// Connects a command that was started with a terminal of this size to the caller's terminal.
pub(crate) async fn on_terminal(process: Process, size: TermSize, signals: Signals) -> Result<Outcome> {
    let began = Instant::now();
    let tty = Tty::raw().map_err(|source| Error::Host { step: "open", path: "/dev/tty".into(), source })?;
    let status = stream::terminal(process, &tty, size, Gate::open(), Some(signals)).await?;
    Ok(Outcome { status, stdout: Vec::new(), stderr: Vec::new(), duration: began.elapsed() })
}

/// Connects a command to the caller's pipes, or captures its output.
pub(crate) async fn on_pipes(
    process: Process,
    signals: Signals,
    input: Input,
    capture: bool,
    limit: Option<Duration>,
) -> Result<Outcome> {
    let began = Instant::now();
    let (ended, stdout, stderr) = if capture {
        stream::captured(process, signals, input, limit).await?
    } else {
        (stream::pipes(process, signals, input, limit).await?, Vec::new(), Vec::new())
    };
    let status = match ended {
        Ended::Status(status) => status,
        Ended::TimedOut => TIMED_OUT,
    };
    Ok(Outcome { status, stdout, stderr, duration: began.elapsed() })
}
