//! One command in a container that takes orders for the pane of its session, and answers with what the pane shows.

use std::time::Duration;

use cci_core::{Error, Result};
use cci_guest::handshake::Script;
use cci_guest::pane::{self, END, Order, Seen};
use cci_guest::{GuestExit, shell};
use cci_incus::{Exec, Process, Stderr, Stdin, Stdout};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::time::{Interval, interval, timeout};

use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::process::exec::{self, Begun};

/// How often a pane is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// No screen is larger.
const LARGEST: u64 = 4 << 20;
/// How long the container may take to carry out an order, a turn included; one that is paused never does.
const ORDER: Duration = Duration::from_secs(90);
/// The step of every order.
const STEP: &str = "talk to tmux";

/// A pane that takes orders; the shell that gives them to it ends with this.
pub(crate) struct Pane<'a> {
    pub(super) name: &'a str,
    stdin: Stdin,
    stdout: Stdout,
    stderr: Option<Stderr>,
    process: Process,
    pub(super) ticks: Interval,
}

impl<'a> Pane<'a> {
    /// Opens the pane of a session, with the keys that can be pressed. `known` finds out meanwhile whether it runs and
    /// belongs to the caller.
    pub(crate) async fn open<T>(
        cx: &Context,
        name: &'a str,
        keys: &[String],
        known: impl Future<Output = Result<T>>,
    ) -> Result<Self> {
        let exec = Exec::new(shell::command(&pane::taking_orders(name), pane::keys(keys)));
        let (begun, _) = exec::start_if(cx, name, known, Script::before(""), &exec, STEP).await?;
        match begun {
            Begun::Runs(process) => Self::of(name, process),
            Begun::Refused(exit) => Err(exec::not_begun(cx, exit).await),
        }
    }

    /// The pane of a process that runs [`pane::taking_orders`].
    pub(crate) fn of(name: &'a str, mut process: Process) -> Result<Self> {
        let (Some(stdin), Some(stdout)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(Error::Internal("a stream of the command was taken before".into()));
        };
        Ok(Self { name, stdin, stdout, stderr: process.stderr.take(), process, ticks: interval(LOOK) })
    }

    /// Gives an order and returns what the pane shows afterwards, or how the shell ended instead.
    pub(crate) async fn order(&mut self, order: Order<'_>, force: bool) -> Result<std::result::Result<Seen, Failed>> {
        // whatever runs in the container may never answer
        timeout(ORDER, self.answer(&order.line(force))).await.unwrap_or_else(|_| {
            let step = format!("waiting for tmux in {}", self.name);
            Err(Error::TimedOut { step, seconds: ORDER.as_secs(), still_running: false })
        })
    }

    /// Writes what the lines before the orders read; if they do not, no order is answered.
    pub(crate) async fn feed(&mut self, bytes: &[u8]) {
        let written = async {
            self.stdin.write_all(bytes).await?;
            self.stdin.flush().await
        };
        let _ = timeout(ORDER, written).await;
    }

    async fn answer(&mut self, line: &[u8]) -> Result<std::result::Result<Seen, Failed>> {
        // if the shell has exited, its output ends without an answer
        if self.stdin.write_all(line).await.is_ok() {
            let _ = self.stdin.flush().await;
        }
        let mut answer = Vec::new();
        let _ = (&mut self.stdout).take(LARGEST).read_until(END, &mut answer).await;
        if answer.pop() == Some(END) {
            return Ok(Ok(Seen::parse(&answer)));
        }
        self.failed().await.map(Err)
    }

    async fn failed(&mut self) -> Result<Failed> {
        let mut said = Vec::new();
        if let Some(stderr) = &mut self.stderr {
            let _ = stderr.take(LARGEST).read_to_end(&mut said).await;
        }
        let status = self.process.ended().await.during(STEP)?;
        Ok(Failed { exit: status.into(), said })
    }

    /// The same, and anything but a screen is an error.
    pub(super) async fn see(&mut self, order: Order<'_>, force: bool) -> Result<Seen> {
        match self.order(order, force).await? {
            Ok(seen) => Ok(seen),
            Err(Failed { exit: GuestExit::NoSession, .. }) => Err(Error::NoTmuxSession { name: self.name.to_owned() }),
            Err(failed) => Err(failed.error(&format!("tmux in {}", self.name))),
        }
    }
}

/// How the shell exited instead of answering.
pub(crate) struct Failed {
    pub(crate) exit: GuestExit,
    pub(crate) said: Vec<u8>,
}

impl Failed {
    pub(crate) fn error(&self, step: &str) -> Error {
        Error::StepFailed {
            step: step.to_owned(),
            problem: format!("status {}: {}", self.exit, cci_guest::output::whole(&self.said)),
            hint: None,
        }
    }
}
