//! Starts a command in a container, again where Incus was late to connect it.

use cci_core::Result;
use cci_incus::{Exec, Process};

use super::context::Context;
use super::incus_error::DuringStep;

/// How often a start is tried: Incus gives up a command that is not connected within ten seconds, before it runs.
const TRIES: u32 = 4;

/// A running command with its streams connected.
pub(crate) async fn start(cx: &Context, name: &str, exec: &Exec, step: &str) -> Result<Process> {
    for _ in 1..TRIES {
        match cx.client.exec(name, exec).await {
            Err(error) if error.is_timed_out() => {
                tracing::info!(name, "the command was connected too late, trying again")
            }
            done => return done.during(step),
        }
    }
    cx.client.exec(name, exec).await.during(step)
}
