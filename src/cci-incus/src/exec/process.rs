//! A running command: its streams, each of which can be taken, and its exit.

use tokio::{
    io::{AsyncRead, copy, sink},
    task::JoinHandle,
};

use super::{Control, Stderr, Stdin, Stdout};
use crate::{
    error::{Error, Result},
    operation::Operation,
};

const STEP: &str = "the command";

/// A running command. Each part can be taken, so that input, output and control are served at the same time.
#[derive(Debug)]
pub struct Process {
    /// Its stdin.
    pub stdin: Option<Stdin>,
    /// Its stdout; with a terminal, all output.
    pub stdout: Option<Stdout>,
    /// Its stderr; `None` with a terminal.
    pub stderr: Option<Stderr>,
    /// Dropping it kills the command, also as part of a dropped process.
    pub control: Option<Control>,
    exit: Exit,
}

impl Process {
    pub(super) fn new(
        stdin: Stdin,
        stdout: Stdout,
        stderr: Option<Stderr>,
        control: Control,
        operation: Operation,
    ) -> Self {
        let exit = Exit(tokio::spawn(exit_status(operation)));
        Self { stdin: Some(stdin), stdout: Some(stdout), stderr, control: Some(control), exit }
    }

    /// Waits for the exit and returns the status: 127 for an unknown command, 126 for one that cannot be executed, 128
    /// + N after signal N.
    ///
    /// Input that was not taken is closed, and output that was not taken is discarded: either would keep a command from
    /// exiting. There is no deadline: set one unless a user runs the command.
    pub async fn wait(mut self) -> Result<i32> {
        drop(self.stdin.take());
        let (status, (), ()) =
            futures_util::join!(&mut self.exit.0, discard(self.stdout.take()), discard(self.stderr.take()));
        status.unwrap_or_else(|source| Err(Error::protocol("learn how the command ended", source)))
    }
}

/// The wait for the exit, started with the command: Incus forgets a status after five seconds.
#[derive(Debug)]
struct Exit(JoinHandle<Result<i32>>);

impl Drop for Exit {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits for a command's operation; the status of one that never ran is only in the operation itself, and only briefly.
pub(super) async fn exit_status(operation: Operation) -> Result<i32> {
    let message = match operation.end(STEP).await {
        Ok(done) => {
            return status(&done.metadata).ok_or_else(|| Error::protocol(STEP, "it has no exit status"));
        }
        Err(Error::Operation { message, .. }) => message,
        Err(failure) => return Err(failure),
    };
    let ended = operation.reread().await.ok();
    let status = ended.and_then(|ended| status(&ended.info().metadata));
    status.ok_or_else(|| Error::NotRun { step: STEP.to_owned(), message })
}

/// The exit status; Incus reports -1, or none at all, for a command that it could not start.
fn status(metadata: &serde_json::Value) -> Option<i32> {
    i32::try_from(metadata.get("return")?.as_i64()?).ok().filter(|status| *status >= 0)
}

/// Reads to the end; the exit status says how a stream broke.
async fn discard(stream: Option<impl AsyncRead + Unpin>) {
    if let Some(mut stream) = stream {
        let _ = copy(&mut stream, &mut sink()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_status_is_a_number() {
        assert_eq!(status(&json!({"return": 127})), Some(127));
        assert_eq!(status(&json!({"return": "0"})), None);
        assert_eq!(status(&json!(null)), None);
        assert_eq!(status(&json!({"return": -1})), None);
    }
}
