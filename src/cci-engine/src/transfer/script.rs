//! Runs a script in a container with a stream of files on one side, and accepts little else from it.

use std::time::Duration;

use cci_core::{Error, Result};
use cci_guest::{GuestExit, output};
use cci_incus::{Exec, Process, Stderr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::flow::{Inlet, Outlet, silent};
use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::process::exec::{self, Begun};

/// How much is kept of an error message.
const WORDS: usize = 2000;

/// Reads a script's output; returns its exit and its messages, or `None` if nobody read the output.
pub(super) async fn receive(
    cx: &Context,
    name: &str,
    command: Vec<String>,
    inlet: Inlet,
    silence: Duration,
) -> Result<Option<(GuestExit, String)>> {
    let mut process = begin(cx, name, command).await?;
    let (stdout, stderr) = (process.stdout.take(), process.stderr.take());
    let Some(stdout) = stdout else { return Err(no_stream()) };
    let words = words(stderr);
    let mut words = std::pin::pin!(words);
    let mut said = None;
    let poured = {
        let pour = inlet.pour(stdout, silence);
        let mut pour = std::pin::pin!(pour);
        loop {
            tokio::select! {
                poured = &mut pour => break poured?,
                text = &mut words, if said.is_none() => said = Some(text),
            }
        }
    };
    if !poured {
        return Ok(None);
    }
    let rest = async {
        let said = match said {
            Some(said) => said,
            None => words.await,
        };
        process.wait().await.map(|status| Some((GuestExit::from(status), said)))
    };
    tokio::time::timeout(silence, rest).await.map_err(|_| silent(silence))?.during("wait for the container's files")
}

/// Feeds a flow to a script; returns its exit and its messages.
pub(super) async fn feed(
    cx: &Context,
    name: &str,
    command: Vec<String>,
    mut outlet: Outlet,
) -> Result<(GuestExit, String)> {
    let mut process = begin(cx, name, command).await?;
    let (stdin, stderr) = (process.stdin.take(), process.stderr.take());
    let Some(mut stdin) = stdin else { return Err(no_stream()) };
    let input = async move {
        while let Some(chunk) = outlet.next().await {
            // a script that stops reading says why with its status
            if stdin.write_all(&chunk).await.is_err() {
                return stdin;
            }
        }
        let _ = stdin.flush().await;
        let _ = stdin.shutdown().await;
        stdin
    };
    let ending = async { tokio::join!(words(stderr), process.wait()) };
    let mut ending = std::pin::pin!(ending);
    let mut input = std::pin::pin!(input);
    let (said, status) = tokio::select! {
        ended = &mut ending => ended,
        // kept open until the end: a closed socket is not the same as an ended stream
        _stdin = &mut input => ending.await,
    };
    Ok((status.during("wait for the container")?.into(), said))
}

async fn begin(cx: &Context, name: &str, command: Vec<String>) -> Result<Process> {
    match exec::start(cx, name, "", &Exec::new(command), "work on files in the container").await? {
        Begun::Runs(process) => Ok(process),
        Begun::Refused(_) => Err(no_tar(name)),
    }
}

/// The last messages of a script, safe to show.
async fn words(stderr: Option<Stderr>) -> String {
    let Some(mut stderr) = stderr else { return String::new() };
    let mut kept = Vec::new();
    let mut chunk = vec![0; WORDS];
    while let Ok(read @ 1..) = stderr.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..read]);
        let over = kept.len().saturating_sub(WORDS);
        kept.drain(..over);
    }
    output::last_lines(&kept)
}

/// The container has no `sh` or no `tar`.
pub(super) fn no_tar(name: &str) -> Error {
    Error::StepFailed {
        step: "working on files in the container".into(),
        problem: format!("container {name} has no sh or no tar"),
        hint: Some(format!("stop it (`cci container stop {name}`): files of a stopped container need neither")),
    }
}

fn no_stream() -> Error {
    Error::Internal("the script has no stream to read or write".into())
}
