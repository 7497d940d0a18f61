//! Running a command to its end with its whole output in memory.

use std::time::Duration;

use futures_util::join;
use tokio::{io::AsyncReadExt as _, time::timeout};

use super::{Exec, Process, start::until_it_runs};
use crate::{
    client::Client,
    error::{Error, Result},
};

/// A command's output and exit status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// Its stdout.
    pub stdout: Vec<u8>,
    /// Its stderr.
    pub stderr: Vec<u8>,
    /// Its exit status.
    pub status: i32,
}

impl Client {
    /// Runs a command to its end with `stdin` as input, and captures its output. It is killed when the limit is
    /// exceeded.
    pub async fn exec_captured(&self, name: &str, exec: &Exec, stdin: &[u8], limit: Duration) -> Result<Captured> {
        let piped = Exec { tty: None, ..exec.clone() };
        let run = async || capture(self.exec(name, &piped).await?, stdin).await;
        timeout(limit, until_it_runs(run)).await.unwrap_or_else(|_| {
            let program = exec.command.first().map_or("nothing", String::as_str);
            let step = format!("run {program} in instance {name}");
            Err(Error::TimedOut { step, after: limit, still_running: false })
        })
    }
}

impl Process {
    /// Waits for the end of a command that runs, and collects the rest of what it prints.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] after `limit`, or if a stream breaks.
    pub async fn captured(self, stdin: &[u8], limit: Duration) -> Result<Captured> {
        timeout(limit, capture(self, stdin)).await.unwrap_or_else(|_| {
            Err(Error::TimedOut { step: "wait for the end of a command".into(), after: limit, still_running: true })
        })
    }
}

async fn capture(mut process: Process, stdin: &[u8]) -> Result<Captured> {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (source, sink) = (process.stdout.take(), process.stderr.take());
    let input = process.stdin.take();
    let outputs = async { join!(read(source, &mut out), read(sink, &mut err)) };
    let feed = async {
        if let Some(mut input) = input {
            // a command need not read its input
            let _ = input.pour(stdin).await;
            // kept open until the end: a closed socket is not the same as an ended stream
            std::future::pending::<()>().await;
        }
    };
    let (first, second) = tokio::select! {
        ended = outputs => ended,
        () = feed => (Ok(()), Ok(())),
    };
    // a broken stream says less than the command's exit status: it may not have run
    let status = process.wait().await?;
    first?;
    second?;
    Ok(Captured { stdout: out, stderr: err, status })
}

async fn read(stream: Option<super::Stdout>, into: &mut Vec<u8>) -> Result<()> {
    let Some(mut stream) = stream else {
        return Ok(());
    };
    stream.read_to_end(into).await.map_err(|source| Error::lost("read what the command prints", source))?;
    Ok(())
}
