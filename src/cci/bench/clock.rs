//! A clock in a container: the longest time for which a process there did not run.

use std::time::Duration;

use cci_core::{Error, Result};
use cci_incus::{Exec, Process};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

use super::bed::Bed;
use cci_engine::incus_error::DuringStep;

/// Looks at the time every two milliseconds until its input ends, and prints the longest step in microseconds.
const NOTE: &str = "echo ready
last=${EPOCHREALTIME/[.,]/} longest=0
while IFS= read -r -t 0.002 _; (($? > 128)); do
    now=${EPOCHREALTIME/[.,]/}
    ((now - last <= longest)) || longest=$((now - last))
    last=$now
done
echo \"$longest\"";

/// A clock that runs.
pub(super) struct Clock(Process);

impl Clock {
    /// Starts one as the agent's user.
    pub(super) async fn start(bed: &Bed, name: &str) -> Result<Self> {
        let user = bed.cx.settings.incus.agent_uid;
        let exec = Exec { user: Some(user), group: Some(user), ..Exec::new(["bash", "-c", NOTE]) };
        let mut clock = Self(bed.cx.client.exec(name, &exec).await.during("start a clock in a container")?);
        match clock.line(bed).await?.as_str() {
            "ready\n" => Ok(clock),
            _ => Err(silent()),
        }
    }

    /// Ends it; the longest step.
    pub(super) async fn longest(mut self, bed: &Bed) -> Result<Duration> {
        if let Some(mut stdin) = self.0.stdin.take() {
            // the end of its input, which `read` cannot miss: a line that comes as its time is over is lost
            stdin.shutdown().await.map_err(|_| silent())?;
        }
        self.line(bed).await?.trim().parse().map(Duration::from_micros).map_err(|_| silent())
    }

    async fn line(&mut self, bed: &Bed) -> Result<String> {
        let Some(stdout) = &mut self.0.stdout else { return Err(silent()) };
        let mut line = String::new();
        bed.timed(async { stdout.read_line(&mut line).await.map_err(|_| silent()) }).await?;
        Ok(line)
    }
}

fn silent() -> Error {
    Error::StepFailed {
        step: "reading a clock in a container".into(),
        problem: "it does not answer".into(),
        hint: None,
    }
}
