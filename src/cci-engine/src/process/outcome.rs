//! How a command in a container ended, and what it printed where that was kept.

use std::time::{Duration, Instant};

use cci_core::{Error, Result};
use cci_incus::{Process, TermSize};

use crate::process::signals::Signals;
use crate::process::stream::{self, Ended};
use cci_host::input::Input;
use cci_host::terminal::Tty;

/// The status of a command whose time was over, as `timeout` has it.
const TIMED_OUT: i32 = 124;

/// How a command ended.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit status; 128 and the signal's number where a signal ended it.
    pub status: i32,
    /// What it printed, where that was kept.
    pub stdout: Vec<u8>,
    /// What it printed as errors, where that was kept.
    pub stderr: Vec<u8>,
    /// From its start to its end.
    pub duration: Duration,
}

impl Outcome {
    /// Its status as a process of this host can end with it.
    #[must_use]
    pub fn exit(&self) -> u8 {
        u8::try_from(self.status).unwrap_or(u8::MAX)
    }
}

/// Joins a command with a terminal of its own to the caller's.
pub(crate) async fn on_terminal(process: Process, size: TermSize, signals: Signals) -> Result<Outcome> {
    let began = Instant::now();
    let tty = Tty::raw().map_err(|source| Error::Host { step: "open", path: "/dev/tty".into(), source })?;
    let status = stream::terminal(process, &tty, size, Some(signals)).await?;
    Ok(Outcome { status, stdout: Vec::new(), stderr: Vec::new(), duration: began.elapsed() })
}

/// Joins a command to the caller's pipes, or keeps what it prints.
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
