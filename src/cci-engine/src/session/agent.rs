//! The agent's tmux session in a container: started once, found again by every later attach.

use std::time::Duration;

use cci_core::plan::LaunchPlan;
use cci_core::{Error, Result};
use cci_guest::handshake::Script;
use cci_guest::layout::WORKSPACE;
use cci_guest::{GuestExit, output, tmux};
use cci_incus::Exec;

use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::process::exec::{self, Request};
use crate::process::probe;

/// How long the session may take to come up, or tmux to answer.
const LIMIT: Duration = Duration::from_secs(30);

/// Starts `agent` in the container's tmux session, unless that session exists.
pub(crate) async fn ensure(cx: &Context, plan: &LaunchPlan, name: &str, agent: &[String]) -> Result<()> {
    let start = Exec {
        command: tmux::start(name, agent),
        environment: plan.environment.clone(),
        cwd: Some(WORKSPACE.to_owned()),
        user: Some(plan.user.uid),
        group: Some(plan.user.gid),
        tty: None,
    };
    let Request { exec, answer, .. } = exec::request(Script::before(&probe::script(plan)), &start);
    let done = cx.client.exec_captured(name, &exec, answer.as_bytes(), LIMIT).await.during("start the agent")?;
    match done.status.into() {
        GuestExit::Success => Ok(()),
        exit @ GuestExit::WorkspaceNotWritable => Err(exec::not_begun(cx, exit)),
        // a second resume, or a later one: the session it wants exists
        _ if has_session(cx, name, plan.user.uid).await? => Ok(()),
        exit => Err(Error::StepFailed {
            step: "starting the agent".into(),
            problem: format!("status {exit}: {}", output::whole(&done.stderr)),
            hint: Some("the image needs tmux and bash: `cci build` builds one that has them".into()),
        }),
    }
}

/// Whether the agent's tmux session exists.
pub(crate) async fn has_session(cx: &Context, name: &str, user: u32) -> Result<bool> {
    let exec = Exec { command: tmux::has_session(name), user: Some(user), group: Some(user), ..Exec::default() };
    let status = cx.client.exec_detached(name, &exec, LIMIT).await.during("look for the tmux session")?;
    Ok(GuestExit::from(status) == GuestExit::Success)
}
