//! Starts a command in a container, again where Incus gave it up before it ran, and knows when it begins.

use std::collections::BTreeMap;
use std::future::ready;
use std::time::{Duration, Instant};

use cci_core::environment::{WORKSPACE, is_plain};
use cci_core::{Error, Result};
use cci_guest::exports;
use cci_guest::shell::quoted;
use cci_incus::{Exec, Process, Stdout};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

use crate::context::Context;
use crate::incus_error::DuringStep;

/// How long a start is tried: Incus gives up a command that it cannot start while the container boots, or that is not
/// connected within ten seconds.
const PATIENCE: Duration = Duration::from_secs(25);

/// How a start went.
pub(crate) enum Begun {
    /// The command runs.
    Runs(Process),
    /// What is before it ended with this status.
    Refused(i32),
}

/// The status of a start whose directory cannot be entered.
pub(crate) const NO_DIRECTORY: i32 = 98;

/// Lines of a shell that enter a directory; without one the workspace, where there is one.
pub(crate) fn enter(cwd: Option<&str>) -> String {
    match cwd {
        Some(cwd) => format!("cd -- {} 2>/dev/null || exit {NO_DIRECTORY}; ", quoted(cwd)),
        None => format!("cd {WORKSPACE} 2>/dev/null || cd /; "),
    }
}

/// What a shell does with the command that it is given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lines<'a> {
    /// Before it may begin.
    pub(crate) before: &'a str,
    /// To run it, as `"$@"`.
    pub(crate) run: &'a str,
}

impl<'a> Lines<'a> {
    /// Gives way to the command after these.
    pub(crate) fn before(before: &'a str) -> Self {
        Self { before, run: "exec \"$@\"" }
    }
}

/// A command that says when it begins, and what it is answered with.
pub(crate) struct Announced {
    pub(crate) exec: Exec,
    pub(crate) answer: String,
    /// Whether a terminal shows the answer, which then is an empty line.
    echoed: bool,
}

/// The command inside lines of a shell.
///
/// It begins with its answer only, the part of its environment that may be secret: Incus can give up a command that is
/// under way already, and it must not run twice; and a program that takes a terminal over can throw away what was
/// printed there before and not yet read.
pub(crate) fn announced(Lines { before, run }: Lines<'_>, exec: &Exec) -> Announced {
    let (plain, secret): (BTreeMap<_, _>, BTreeMap<_, _>) =
        exec.environment.clone().into_iter().partition(|(name, _)| is_plain(name));
    let echoed = exec.tty.is_some() && secret.is_empty();
    // without a secret the terminal needs no change of its mode, which would cost a moment
    let begin = if echoed { "printf .; read -r _cci_v || exit 125; " } else { exports::READ };
    let script = format!("{before}{begin}{run}");
    let words = ["sh", "-c", &script, "cci"].map(str::to_owned).into_iter();
    let command = words.chain(exec.command.iter().cloned()).collect();
    let answer = exports::lines(&secret);
    Announced { exec: Exec { command, environment: plain, ..exec.clone() }, answer, echoed }
}

/// Starts a command behind the lines of a shell that run `before` it; that it begins is known when this returns.
pub(crate) async fn start(cx: &Context, name: &str, before: &str, exec: &Exec, step: &str) -> Result<Begun> {
    start_if(cx, name, ready(Ok(())), Lines::before(before), exec, step).await.map(|(begun, ())| begun)
}

/// The same inside any lines of a shell, and where something must be known first, which is asked while the shell starts:
/// what it is given begins with its answer only, and not at all where that is an error.
pub(crate) async fn start_if<T>(
    cx: &Context,
    name: &str,
    known: impl Future<Output = Result<T>>,
    lines: Lines<'_>,
    exec: &Exec,
    step: &str,
) -> Result<(Begun, T)> {
    let announced = announced(lines, exec);
    tokio::select! {
        biased;
        () = cx.scope.cancelled() => Err(Error::Interrupted),
        begun = until_it_begins(cx, name, known, &announced, step) => begun,
    }
}

async fn until_it_begins<T>(
    cx: &Context,
    name: &str,
    known: impl Future<Output = Result<T>>,
    announced: &Announced,
    step: &str,
) -> Result<(Begun, T)> {
    let end = Instant::now() + PATIENCE;
    let started = cx.client.exec(name, &announced.exec).await;
    // not sooner: Incus reads one thing at a time, but is idle while it starts a command;
    // and what must be known says more than a start that fails for the same reason
    let (mut waits, known) = tokio::try_join!(async { Ok(announcement(started).await) }, known)?;
    loop {
        let begun = async { begin(waits?, announced).await };
        match begun.await {
            Err(error) if is_another_try(&error, end) => {
                waits = announcement(cx.client.exec(name, &announced.exec).await).await;
            }
            begun => return Ok((begun.during(step)?, known)),
        }
    }
}

/// Whether a command that did not begin is started again.
fn is_another_try(error: &cci_incus::Error, end: Instant) -> bool {
    let again = (error.is_not_run() || error.is_timed_out()) && Instant::now() < end;
    if again {
        tracing::info!(%error, "the command did not begin, trying again");
    }
    again
}

/// A shell that waits for its answer, or has ended before.
enum Waits {
    Shell(Process),
    Ended(i32),
}

async fn announcement(started: cci_incus::Result<Process>) -> cci_incus::Result<Waits> {
    let mut process = started?;
    let waits = match &mut process.stdout {
        Some(stdout) => take_announcement(stdout).await,
        None => false,
    };
    if waits { Ok(Waits::Shell(process)) } else { process.wait().await.map(Waits::Ended) }
}

async fn begin(waits: Waits, announced: &Announced) -> cci_incus::Result<Begun> {
    let mut process = match waits {
        Waits::Shell(process) => process,
        Waits::Ended(status) => return Ok(Begun::Refused(status)),
    };
    if let Some(stdin) = &mut process.stdin {
        let answered = async {
            stdin.write_all(announced.answer.as_bytes()).await?;
            stdin.flush().await
        };
        if answered.await.is_err() {
            return process.wait().await.map(Begun::Refused);
        }
    }
    if let (true, Some(stdout)) = (announced.echoed, &mut process.stdout) {
        drop_line_end(stdout).await;
    }
    Ok(Begun::Runs(process))
}

/// Takes away what a terminal shows of an empty line; what else comes first is the command's.
async fn drop_line_end(stdout: &mut Stdout) {
    for expected in *b"\r\n" {
        let next = stdout.fill_buf().await.map(|bytes| bytes.first().copied());
        if !matches!(next, Ok(Some(byte)) if byte == expected) {
            return;
        }
        stdout.consume(1);
    }
}

/// Reads the first byte alone, so that everything behind it stays the command's.
async fn take_announcement(stdout: &mut Stdout) -> bool {
    let first = stdout.fill_buf().await.map(|bytes| bytes.first().copied());
    let announced = matches!(first, Ok(Some(b'.')));
    if announced {
        stdout.consume(1);
    }
    announced
}

/// A shell that ended before its command.
pub(crate) fn not_begun(status: i32) -> Error {
    Error::StepFailed {
        step: "starting the command".into(),
        problem: format!("the container's shell ended with status {status}"),
        hint: Some("the image needs sh: `cci build` makes one that has it".into()),
    }
}
