//! `attach`: connects the caller's terminal to a running session, and reports what remains when it ends.

use std::collections::BTreeMap;
use std::future::ready;

use cci_core::environment::environment;
use cci_core::lifetime::Lifetime;
use cci_core::session::SessionId;
use cci_core::{Error, Result};
use cci_guest::handshake::Script;
use cci_guest::layout::WORKSPACE;
use cci_guest::{GuestExit, init, tmux};
use cci_incus::Exec;

use crate::context::Context;
use crate::event::SessionEvent;
use crate::instance::ownership::{self, Owned, Whose};
use crate::network;
use crate::process::exec::{self, Begun};
use crate::process::probe;
use crate::process::stream;
use crate::session::record;
use crate::session::shell::{Direct, Started};
use crate::session::shutdown::{self, Fate};
use crate::session::state_volume;
use cci_host::terminal::{self, Tty};

/// Runs the command passed to a shell.
const RUN: &str = "\"$@\"";

/// What to attach to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Into {
    /// The agent's tmux session.
    Agent,
    /// A login bash next to it.
    Bash,
}

/// The running sessions of this user or of all, or in one slot of this workspace.
pub async fn candidates(cx: &Context, slot: Option<u8>, whose: Whose) -> Result<Vec<String>> {
    let here = |owned: &Owned| match slot {
        None => true,
        Some(slot) => {
            owned.marks.workspace.as_deref() == Some(cx.workspace.path())
                && owned.marks.slot.is_some_and(|found| found.number() == slot)
        }
    };
    let all = ownership::all_of(cx, whose).await?;
    Ok(all.into_iter().filter(|owned| owned.runs() && here(owned)).map(|owned| owned.instance.name).collect())
}

/// A session by name: it must be running, and belong to the caller.
pub async fn running(cx: &Context, name: &str) -> Result<Owned> {
    let owned = ownership::one(cx, name).await?;
    if owned.runs() { Ok(owned) } else { Err(Error::ContainerNotRunning { name: name.to_owned() }) }
}

/// Connects the terminal to a container's session until it is left, then reports what remains of it.
///
/// Which conversation it is, and whether the caller may attach, can be determined meanwhile.
pub async fn attach(
    cx: &Context,
    name: &str,
    session: impl Future<Output = Result<Option<SessionId>>>,
    into: Into,
) -> Result<()> {
    let user = cx.settings.incus.agent_uid;
    let (agent, nothing) = (cx.settings.tool.agent(), BTreeMap::new());
    let (run, command, environment) = match into {
        // the session has its environment
        Into::Agent => {
            (tmux::run_attach(name), tmux::attach(name), environment(agent, &cx.caller.locale(), &nothing, &nothing))
        }
        Into::Bash => {
            let bash = ["bash", "-l"].map(str::to_owned).to_vec();
            (RUN.to_owned(), bash, environment(agent, &cx.caller.locale(), &cx.settings.environment(), &cx.environment))
        }
    };
    let exec = Exec { command, environment, user: Some(user), group: Some(user), ..Exec::default() };
    on_terminal(cx, name, session, Script { before: "", run: &run }, exec).await
}

/// Connects the terminal to the agent itself, without tmux.
pub async fn directly(cx: &Context, started: &Started, Direct { plan, agent }: &Direct) -> Result<()> {
    let exec = Exec {
        command: agent.clone(),
        environment: plan.environment.clone(),
        user: Some(plan.user.uid),
        group: Some(plan.user.gid),
        ..Exec::default()
    };
    let script = Script { before: &probe::script(plan), run: RUN };
    on_terminal(cx, &started.name, ready(Ok(Some(started.session))), script, exec).await
}

async fn on_terminal(
    cx: &Context,
    name: &str,
    session: impl Future<Output = Result<Option<SessionId>>>,
    Script { before, run }: Script<'_>,
    exec: Exec,
) -> Result<()> {
    let exec = Exec { cwd: Some(WORKSPACE.to_owned()), tty: Some(terminal::size()), ..exec };
    let script = Script { before, run: &init::run_then_report(run) };
    let (begun, session) = exec::start_if(cx, name, session, script, &exec, "attach to the session").await?;
    let process = match begun {
        Begun::Runs(process) => process,
        Begun::Refused(exit) => return Err(exec::not_begun(cx, exit)),
    };
    let ended = {
        let tty = Tty::raw().map_err(|source| Error::Host { step: "open", path: "/dev/tty".into(), source })?;
        tokio::select! {
            ended = stream::terminal(process, &tty) => ended,
            () = cx.scope.cancelled() => Err(Error::Interrupted),
            never = network::while_attached(cx) => match never {},
        }
    };
    let exit = ended.as_ref().ok().map(|status| GuestExit::from(*status));
    if exit == Some(GuestExit::NoSession) {
        return Err(Error::NoTmuxSession { name: name.to_owned() });
    }
    // the connection may break with the container; what remains of it is what counts
    let noted = match session {
        Some(session) => record::refresh(cx, session, None).await?,
        None => None,
    };
    if let (Some(session), Ok(_)) = (session, &ended) {
        tokio::select! {
            () = state_volume::session_brought_home(cx, session) => {}
            () = cx.scope.cancelled() => {}
        }
        cx.scope.ledger.keep();
    }
    let reported = report_fate(cx, name, exit, noted).await;
    if matches!(ended, Err(Error::Interrupted)) { ended.map(drop) } else { reported }
}

/// Reports where the conversation is and what happened to the container.
async fn report_fate(cx: &Context, name: &str, exit: Option<GuestExit>, noted: Option<Lifetime>) -> Result<()> {
    let fate = shutdown::fate(cx, name, exit, noted).await?;
    cx.emit(SessionEvent::Saved);
    if fate == Fate::Stopped(Lifetime::Persistent) {
        // the next launch must find it stopped to reuse it, not create another
        tokio::select! {
            _ = shutdown::wait_until_down(cx, name) => {}
            () = cx.scope.cancelled() => {}
        }
    }
    match fate {
        Fate::Running => cx.emit(SessionEvent::ContainerRunsOn { container: name.to_owned() }),
        Fate::Stopped(Lifetime::Persistent) => cx.emit(SessionEvent::ContainerKept),
        Fate::Stopped(Lifetime::Ephemeral) => cx.emit(SessionEvent::ContainerRemoved),
    }
    Ok(())
}
