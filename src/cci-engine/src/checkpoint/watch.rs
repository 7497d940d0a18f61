//! A shell in a container that finds out whether it has changed, and makes it stand still: one command for both, since
//! Incus takes longer to start one than it takes to do either.

use std::time::Duration;

use cci_core::{Error, Result};
use cci_guest::standstill::{self, LONGEST, Order, RootState, Word};
use cci_incus::{Exec, Process, Stdin, Stdout, until_it_runs};
use jiff::Timestamp;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::context::Context;

/// How long nothing in a container moves at most, whatever becomes of cci.
const LIMIT: u32 = 2;
/// How long a container may take to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How long it may take to look at all of its files.
const LOOK: Duration = Duration::from_secs(60);

/// An open watch; when it is dropped, or cci is killed, everything in the container goes on.
pub struct Watch {
    stdin: Stdin,
    stdout: Stdout,
    /// Dropping it ends the watch.
    process: Process,
}

/// A container in which nothing moves but its init.
pub struct Standstill {
    /// Since when, by the container's clock.
    pub at: Timestamp,
    /// When the container lets everything go on by itself, at the earliest.
    until: Instant,
    watch: Watch,
}

/// Whether a container has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// It has.
    Changed,
    /// It has not, and its root file system is this, if that can be said.
    Same(Option<RootState>),
}

/// The end of a standstill.
pub struct Ended {
    /// Whether it lasted until it was ended.
    pub stood_still: bool,
    /// What the root file system was at its end, if that can be said.
    pub state: Option<RootState>,
    /// The watch for what comes next.
    pub watch: Option<Watch>,
}

impl Watch {
    /// Opens one; `None` for a container that does not answer: it is ending, or has no bash.
    pub async fn open(cx: &Context, container: &str) -> Result<Option<Self>> {
        let exec = Exec::new(standstill::watch(LIMIT));
        let open = async || {
            let mut process = cx.client.exec(container, &exec).await?;
            let (Some(stdin), Some(stdout)) = (process.stdin.take(), process.stdout.take()) else { return Ok(None) };
            let mut watch = Self { stdin, stdout, process };
            if watch.word().await == Some(Word::Ready) {
                return Ok(Some(watch));
            }
            // one that Incus gave up before it ran says nothing either, and is opened again
            let Self { process, .. } = watch;
            process.wait().await.map(|_| None)
        };
        let opened = async { Ok(tokio::time::timeout(ANSWER, until_it_runs(open)).await.ok()) };
        Ok(cx.scope.until_cancelled(opened).await?.and_then(Result::ok).flatten())
    }

    /// Whether anything in the container's root file system has changed since a moment of its clock, such as the one of
    /// the last [`Standstill`].
    ///
    /// Files are compared by the time at which they or their attributes last changed, which nothing in a container can
    /// set back. Other file systems do not count, such as the workspace, the conversation and `/run`. If what the root file
    /// system was then is known, no file is looked at where it still is that.
    pub async fn look(&mut self, cx: &Context, since: Timestamp, state: Option<RootState>) -> Result<Look> {
        let order = Order::Changed { since_micros: since.as_microsecond(), state };
        match cx.scope.until_cancelled(async { Ok(self.told(&order, LOOK).await) }).await? {
            Some(Word::Changed) => Ok(Look::Changed),
            Some(Word::Same { state }) => Ok(Look::Same(state)),
            _ => Err(Error::StepFailed {
                step: "looking for changes in the container".into(),
                problem: "it does not answer".into(),
                hint: None,
            }),
        }
    }

    /// Makes everything but the container's init stand still, for two seconds at most; `None` if it does not answer, or
    /// does not come to rest in that time.
    pub async fn still(self) -> Option<Standstill> {
        self.stopped(&Order::Still).await
    }

    /// The same in a container that ends next: at its end nobody is told what its root file system is.
    pub async fn halt(self) -> Option<Standstill> {
        self.stopped(&Order::Halt).await
    }

    async fn stopped(mut self, order: &Order) -> Option<Standstill> {
        let until = Instant::now() + Duration::from_secs(LIMIT.into());
        match self.told(order, ANSWER).await? {
            Word::Still { at_micros } => {
                Some(Standstill { at: Timestamp::from_microsecond(at_micros).ok()?, until, watch: self })
            }
            _ => None,
        }
    }

    async fn told(&mut self, order: &Order, limit: Duration) -> Option<Word> {
        let answer = async {
            self.stdin.write_all(order.line().as_bytes()).await.ok()?;
            self.stdin.flush().await.ok()?;
            self.word().await
        };
        tokio::time::timeout(limit, answer).await.ok().flatten()
    }

    /// The next line; a container that says more than a watch does says nothing.
    async fn word(&mut self) -> Option<Word> {
        let mut line = Vec::new();
        let limit = u64::try_from(LONGEST + 1).unwrap_or(u64::MAX);
        (&mut self.stdout).take(limit).read_until(b'\n', &mut line).await.ok()?;
        Word::parse(std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?)
    }
}

impl Standstill {
    /// Whether nothing has gone on by itself yet.
    #[must_use]
    pub fn holds(&self) -> bool {
        Instant::now() < self.until
    }

    /// Begins one in a container; `None` for a container that does not answer.
    pub async fn begin(cx: &Context, container: &str) -> Result<Option<Self>> {
        match Watch::open(cx, container).await? {
            Some(watch) => Ok(watch.still().await),
            None => Ok(None),
        }
    }

    /// Lets everything go on.
    pub async fn end(mut self) -> Ended {
        match self.watch.told(&Order::GoOn, ANSWER).await {
            Some(Word::Held { state }) => Ended { stood_still: true, state, watch: Some(self.watch) },
            // it has gone on by itself; an order that comes late is ignored
            Some(Word::Late) => Ended { stood_still: false, state: None, watch: Some(self.watch) },
            _ => Ended { stood_still: false, state: None, watch: None },
        }
    }
}
