//! Starts a command in a container, again if Incus gave up before it ran, and knows when it begins.

use std::collections::BTreeMap;
use std::future::ready;
use std::time::Duration;

use cci_core::access::Wanted;
use cci_core::environment::is_plain;
use cci_core::settings::{AGENT_UID, IncusSettings};
use cci_core::{Error, Result};
use cci_guest::GuestExit;
use cci_guest::handshake::{Handshake, READY, Script};
use cci_incus::{Exec, Process, Stdout};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::retry::Retry;
use crate::site::access;

/// How long a start is tried: Incus gives up on a command that it cannot start while the container boots, or that is
/// not connected within ten seconds.
const PATIENCE: Duration = Duration::from_secs(25);

/// The outcome of a start.
pub(crate) enum Begun {
    /// The command runs.
    Runs(Process),
    /// The shell exited with this before the command began.
    Refused(GuestExit),
}

/// A command inside a script that waits for its answer, in the form that Incus takes.
pub(crate) struct Request {
    pub(crate) exec: Exec,
    /// The answer to the script.
    pub(crate) answer: String,
    is_echoed: bool,
}

/// Puts a command inside a script; the part of its environment that may be secret goes into the answer.
pub(crate) fn request(script: Script<'_>, exec: &Exec) -> Request {
    let (plain, secret): (BTreeMap<_, _>, BTreeMap<_, _>) =
        exec.environment.clone().into_iter().partition(|(name, _)| is_plain(name));
    let Handshake { command, answer, is_echoed } = Handshake::new(script, &exec.command, &secret, exec.tty.is_some());
    Request { exec: Exec { command, environment: plain, ..exec.clone() }, answer, is_echoed }
}

/// Starts a command after the lines of a shell that run `before` it; it has begun when this returns.
pub(crate) async fn start(cx: &Context, name: &str, before: &str, exec: &Exec, step: &str) -> Result<Begun> {
    start_if(cx, name, ready(Ok(())), Script::before(before), exec, step).await.map(|(begun, ())| begun)
}

/// The same inside any script, and with something that must be known first, which is determined while the shell starts:
/// the command begins only with its answer, and not at all if that is an error.
#[tracing::instrument(name = "exec", skip_all, fields(container = name))]
pub(crate) async fn start_if<T>(
    cx: &Context,
    name: &str,
    known: impl Future<Output = Result<T>>,
    script: Script<'_>,
    exec: &Exec,
    step: &str,
) -> Result<(Begun, T)> {
    let request = request(script, exec);
    cx.scope.until_cancelled(until_it_begins(cx, name, known, &request, step)).await
}

async fn until_it_begins<T>(
    cx: &Context,
    name: &str,
    known: impl Future<Output = Result<T>>,
    request: &Request,
    step: &str,
) -> Result<(Begun, T)> {
    let mut retry = Retry::within(PATIENCE);
    let started = cx.client.exec(name, &request.exec).await;
    // not sooner: Incus reads one thing at a time, but is idle while it starts a command; and what must be known says
    // more than a start that fails for the same reason
    let (mut shell, known) = tokio::try_join!(async { Ok(until_ready(started).await) }, known)?;
    loop {
        let begun = async { begin(shell?, request).await };
        match begun.await {
            Err(error) if (error.is_not_run() || error.is_timed_out()) && retry.again(step, &error).await => {
                shell = until_ready(cx.client.exec(name, &request.exec).await).await;
            }
            begun => return Ok((begun.during(step)?, known)),
        }
    }
}

/// A shell that waits for its answer, or has exited before.
enum Shell {
    Ready(Process),
    Ended(GuestExit),
}

async fn until_ready(started: cci_incus::Result<Process>) -> cci_incus::Result<Shell> {
    let mut process = started?;
    let is_ready = match &mut process.stdout {
        Some(stdout) => take_ready(stdout).await,
        None => false,
    };
    if is_ready { Ok(Shell::Ready(process)) } else { Ok(Shell::Ended(process.wait().await?.into())) }
}

async fn begin(shell: Shell, request: &Request) -> cci_incus::Result<Begun> {
    let mut process = match shell {
        Shell::Ready(process) => process,
        Shell::Ended(exit) => return Ok(Begun::Refused(exit)),
    };
    if let Some(stdin) = &mut process.stdin {
        let answered = async {
            stdin.write_all(request.answer.as_bytes()).await?;
            stdin.flush().await
        };
        if answered.await.is_err() {
            return Ok(Begun::Refused(process.wait().await?.into()));
        }
    }
    if let (true, Some(stdout)) = (request.is_echoed, &mut process.stdout) {
        drop_line_end(stdout).await;
    }
    Ok(Begun::Runs(process))
}

/// Removes what a terminal shows of an empty line; other output is the command's.
async fn drop_line_end(stdout: &mut Stdout) {
    for expected in *b"\r\n" {
        let next = stdout.fill_buf().await.map(|bytes| bytes.first().copied());
        if !matches!(next, Ok(Some(byte)) if byte == expected) {
            return;
        }
        stdout.consume(1);
    }
}

/// Reads only the first byte, so that everything after it stays the command's.
async fn take_ready(stdout: &mut Stdout) -> bool {
    let first = stdout.fill_buf().await.map(|bytes| bytes.first().copied());
    let is_ready = matches!(first, Ok(Some(READY)));
    if is_ready {
        stdout.consume(1);
    }
    is_ready
}

/// Why a command did not begin, if its script exited before it.
pub(crate) async fn not_begun(cx: &Context, exit: GuestExit) -> Error {
    match exit {
        GuestExit::WorkspaceNotWritable => {
            let path = cx.workspace.path();
            match access::of(cx, path, Wanted::Write).await {
                Ok(access) => Error::WorkspaceNotWritable { path: path.to_owned(), access },
                Err(interrupted) => interrupted,
            }
        }
        GuestExit::OtherUser => Error::Config {
            problem: format!(
                "{AGENT_UID} is {}, and the image's user `code` has another uid",
                cx.settings.incus.agent_uid
            ),
            hint: Some(if cx.settings.incus.agent_uid == IncusSettings::default().agent_uid {
                format!("set {AGENT_UID} to that uid, or build the image anew: `cci build --force`")
            } else {
                format!("remove {AGENT_UID}, or build the image with it: `cci build --force`")
            }),
        },
        exit => Error::StepFailed {
            step: "starting the command".into(),
            problem: format!("the container's shell exited with status {exit}"),
            hint: Some("the image needs sh: `cci build` builds one that has it".into()),
        },
    }
}
