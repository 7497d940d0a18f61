//! Makes the programs of a session's container trust the authority of its user, by which TLS is ended for secrets.

use std::time::Duration;

use cci_core::plan::LaunchPlan;
use cci_core::{Error, Result};
use cci_guest::{output, trust};
use cci_incus::Exec;

use crate::context::Context;
use crate::incus_error::DuringStep;

/// How long it may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs as root in the container, where nothing of the host can be seen: an agent can have replaced every program there.
pub(super) async fn ensure(cx: &Context, plan: &LaunchPlan, name: &str) -> Result<()> {
    if !plan.trusts_its_user() {
        return Ok(());
    }
    let exec = Exec { command: ["/bin/sh", "-c", &trust::script()].map(str::to_owned).to_vec(), ..Exec::default() };
    let done = cx.client.exec_captured(name, &exec, b"", LIMIT).await.during("trust the user's authority")?;
    if done.status == 0 {
        return Ok(());
    }
    Err(Error::StepFailed {
        step: format!("trusting the user's authority in {name}"),
        problem: format!("status {}: {}", done.status, output::whole(&done.stderr)),
        hint: None,
    })
}
