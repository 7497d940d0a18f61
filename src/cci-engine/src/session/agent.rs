//! The agent's tmux session in a container: started once, found again by every later attach.

use std::future::ready;
use std::time::Duration;

use cci_core::boundary::Boundary;
use cci_core::network::Policy;
use cci_core::plan::LaunchPlan;
use cci_core::prompt::Prompt;
use cci_core::settings::{Settings, TerminalSettings};
use cci_core::{Error, Result};
use cci_guest::gate::Allowed;
use cci_guest::handshake::Script;
use cci_guest::pane::{self, Order};
use cci_guest::{GuestExit, gvisor, output, tmux};
use cci_incus::Exec;

use crate::context::Context;
use crate::event::SessionEvent;
use crate::incus_error::DuringStep;
use crate::process::exec::{self, Begun};
use crate::process::probe;
use crate::session::pane::{Pane, Up};

/// How long the session may take to come up, or tmux to answer.
const LIMIT: Duration = Duration::from_secs(30);
/// The step, as errors name it.
const STEP: &str = "start the agent";

/// What is started.
#[derive(Clone, Copy)]
pub(crate) struct ToStart<'a> {
    /// How to read its screen.
    pub(crate) screen: &'a str,
    /// Its argv.
    pub(crate) argv: &'a [String],
    /// What it finds at its standard input; the terminal if nothing.
    pub(crate) prompt: Option<&'a Prompt>,
}

impl ToStart<'_> {
    fn fed(&self) -> &[u8] {
        self.prompt.map_or(&[], Prompt::as_bytes)
    }
}

/// Whether a session was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Was {
    /// It has just been started.
    Absent,
    /// It has the agent that it had.
    There,
}

/// Starts `agent` in the container's tmux session, unless that session exists. It starts only once `known` has ended well,
/// which is waited for while the shell in the container comes up.
pub(crate) async fn ensure(
    cx: &Context,
    plan: &LaunchPlan,
    name: &str,
    agent: ToStart<'_>,
    known: impl Future<Output = Result<()>>,
) -> Result<Was> {
    let start = start(cx, plan, name, agent);
    let run = tmux::run_start(agent.prompt.map(Prompt::len));
    let script = Script { before: &before(cx, plan), run: &run };
    let (begun, ()) = exec::start_if(cx, name, known, script, &start, STEP).await?;
    let (exit, said) = match begun {
        Begun::Runs(process) => {
            let done = async { process.captured(agent.fed(), LIMIT).await.during(STEP) };
            let done = cx.scope.until_cancelled(done).await?;
            (done.status.into(), done.stderr)
        }
        Begun::Refused(exit) => (exit, Vec::new()),
    };
    match exit {
        GuestExit::Success => Ok(Was::Absent),
        exit => not_started(cx, plan, name, exit, &said).await.map(|()| Was::There),
    }
}

/// The same, and waits until the agent shows something: one that exits at once, or does not exist, is an error with its
/// last lines.
pub(crate) async fn ensure_up(
    cx: &Context,
    plan: &LaunchPlan,
    name: &str,
    agent: ToStart<'_>,
    known: impl Future<Output = Result<()>>,
) -> Result<Was> {
    let start = start(cx, plan, name, agent);
    let orders = pane::taking_orders(name);
    let run = format!("{}set --\n{orders}", tmux::run_start(agent.prompt.map(Prompt::len)));
    let script = Script { before: &before(cx, plan), run: &run };
    let (begun, ()) = exec::start_if(cx, name, known, script, &start, STEP).await?;
    let mut shown = match begun {
        Begun::Runs(process) => Pane::of(name, process)?,
        Begun::Refused(exit) => return Err(exec::not_begun(cx, exit).await),
    };
    shown.feed(agent.fed()).await;
    let (was, up) = match shown.order(Order::Look, false).await? {
        Ok(_) => (Was::Absent, shown.up().await?),
        Err(failed) => {
            not_started(cx, plan, name, failed.exit, &failed.said).await?;
            (Was::There, Pane::open(cx, name, &[], ready(Ok(()))).await?.up().await?)
        }
    };
    if up == Up::Asks {
        cx.emit(SessionEvent::AgentAsks { container: name.to_owned() });
    }
    Ok(was)
}

fn start(cx: &Context, plan: &LaunchPlan, name: &str, agent: ToStart<'_>) -> Exec {
    let given: Vec<&str> = cx.environment.keys().map(String::as_str).collect();
    let in_gvisor = plan.boundary == Boundary::Gvisor;
    let has_notices = plan.has_sockets() && plan.policy().is_some_and(Policy::is_named);
    let session = tmux::Session {
        screen: agent.screen,
        allowed: allowed(&cx.settings),
        given: &given,
        agent: agent.argv,
        has_prompt: agent.prompt.is_some(),
        in_gvisor,
        has_notices,
        place: &plan.place,
    };
    Exec {
        command: tmux::start(name, &session),
        environment: plan.environment.clone(),
        cwd: Some(plan.place.clone()),
        user: Some(plan.user.uid),
        group: Some(plan.user.gid),
        tty: None,
    }
}

/// What a shell does before it starts the session.
fn before(cx: &Context, plan: &LaunchPlan) -> String {
    let probe = probe::script(cx, plan);
    if plan.boundary == Boundary::Gvisor { gvisor::end_if_left() + &probe } else { probe }
}

/// What the settings allow programs in the session to do with the terminal.
pub(crate) fn allowed(settings: &Settings) -> Allowed {
    let TerminalSettings { clipboard, passthrough } = settings.terminal;
    Allowed { clipboard, passthrough }
}

/// Why a start failed, unless the session exists anyway.
async fn not_started(cx: &Context, plan: &LaunchPlan, name: &str, exit: GuestExit, said: &[u8]) -> Result<()> {
    match exit {
        exit @ (GuestExit::WorkspaceNotWritable | GuestExit::OtherUser) => Err(exec::not_begun(cx, exit).await),
        // a second resume, or a later one: the session it wants exists
        _ if has_session(cx, name, plan.user.uid).await? => Ok(()),
        exit => Err(Error::StepFailed {
            step: "starting the agent".into(),
            problem: format!("status {exit}: {}", output::whole(said)),
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
