//! `attach`: connects the caller's terminal to a running session, and reports what remains when it ends.

use std::collections::BTreeMap;
use std::future::ready;

use cci_core::environment::{environment, only_of_system};
use cci_core::name::ContainerName;
use cci_core::pin::Pinned;
use cci_core::session::SessionId;
use cci_core::slot::{Slot, SlotChoice};
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use cci_guest::gate::Gate;
use cci_guest::handshake::Script;
use cci_guest::layout::{self, WORKSPACE};
use cci_guest::terminal::{MODIFIED_KEYS, can_be_asked, true_color};
use cci_guest::{GuestExit, gvisor, init, tmux};
use cci_incus::{Exec, Status};
use tokio::io::AsyncWriteExt;

use crate::checkpoint::opened;
use crate::checkpoint::rewound::rewound;
use crate::context::Context;
use crate::event::SessionEvent;
use crate::instance::ownership::{self, Owned, Whose};
use crate::instance::stop::begin_stop;
use crate::ledger::Made;
use crate::network;
use crate::process::exec::{self, Begun};
use crate::process::probe;
use crate::process::stream;
use crate::session::agent::allowed;
use crate::session::connect;
use crate::session::history;
use crate::session::left::{Left, report_fate};
use crate::session::record;
use crate::session::running::running;
use crate::session::shell::{Direct, Started};
use crate::session::state_volume;
use crate::site::replaced;
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

/// The running sessions of this user or of all.
pub async fn candidates(cx: &Context, whose: Whose) -> Result<Vec<String>> {
    let all = ownership::all_of(cx, whose).await?;
    Ok(all.into_iter().filter(Owned::runs).map(|owned| owned.instance.name).collect())
}

/// The container that a slot of this workspace has, or would have.
#[must_use]
pub fn in_slot(cx: &Context, slot: Slot) -> String {
    ContainerName::new(&cx.prefix, &cx.workspace, slot).to_string()
}

/// The session of this workspace that runs, in the lowest slot unless one is given.
pub async fn here(cx: &Context, slot: SlotChoice) -> Result<Option<SessionId>> {
    let tool = &cx.settings.tool.name;
    let is_meant = |owned: &&Owned| {
        let marks = &owned.marks;
        let is_here = marks.workspace.as_deref() == Some(cx.workspace.path()) && marks.tool.as_ref() == Some(tool);
        let has_slot = !matches!(slot, SlotChoice::Exactly(slot) if marks.slot != Some(slot));
        owned.instance.status_code == Status::Running && is_here && has_slot
    };
    let all = ownership::all_of(cx, Whose::Own).await?;
    let first =
        all.iter().filter(is_meant).filter(|owned| owned.marks.session.is_some()).min_by_key(|owned| owned.marks.slot);
    Ok(first.and_then(|owned| owned.marks.session))
}

/// What cci knows of a session that the terminal is connected to.
pub struct Known {
    session: Option<SessionId>,
    /// Its workspace, if it has one.
    workspace: Option<Workspace>,
    /// The paths of the host that its container is pinned to.
    pinned: Vec<Pinned>,
}

impl Known {
    /// A session that has just been started.
    #[must_use]
    pub fn started(cx: &Context, started: &Started) -> Self {
        let workspace = Some(cx.workspace.clone());
        Self { session: Some(started.session), workspace, pinned: started.pinned.clone() }
    }

    /// A running session; reports which paths of the host were replaced while its container still shows the old ones.
    pub async fn running(cx: &Context, owned: &Owned) -> Result<Self> {
        let pinned = replaced::pinned(&owned.instance);
        let paths = replaced::replaced(cx, pinned.clone()).await?;
        if !paths.is_empty() {
            cx.emit(SessionEvent::Replaced { shown_by: Some(owned.instance.name.clone()), paths });
        }
        Ok(Self {
            session: owned.marks.session,
            workspace: owned.marks.workspace.as_deref().map(Workspace::at),
            pinned,
        })
    }
}

/// Connects the terminal to a container's session until it is left, then reports what remains of it. A session that was
/// rewound meanwhile is attached to again.
///
/// Which conversation it is, and whether the caller may attach, can be determined meanwhile.
pub async fn attach(cx: &Context, name: &str, session: impl Future<Output = Result<Known>>, into: Into) -> Result<()> {
    let mut since = opened::now();
    let mut left = Box::pin(once(cx, name, session, into)).await?;
    while into == Into::Agent
        && let Some(workspace) = &left.workspace
        && rewound(cx, workspace, name, &since).await?
    {
        since = opened::now();
        let again = async {
            let owned = running(cx, name).await?;
            Known::running(cx, &owned).await
        };
        left = Box::pin(once(cx, name, again, into)).await?;
    }
    left.report(cx, name).await
}

/// Connects the terminal to a container's session until it is left.
async fn once(cx: &Context, name: &str, session: impl Future<Output = Result<Known>>, into: Into) -> Result<Left> {
    let user = cx.settings.incus.agent_uid;
    let (agent, nothing) = (cx.settings.tool.agent(), BTreeMap::new());
    let (run, command, mut environment) = match into {
        // the session has its environment
        Into::Agent => (
            tmux::run_attach(name),
            tmux::attach(name, shows_true_color(cx)),
            environment(agent, &cx.caller.locale(), &nothing, &nothing),
        ),
        Into::Bash => {
            let bash = ["bash", "-l"].map(str::to_owned).to_vec();
            let mut own = environment(agent, &cx.caller.locale(), &cx.settings.environment(), &cx.environment);
            // an agent that is started there is let in as the session's own is, unless the person says how
            if !own.keys().any(|name| agent.login().is_some_and(|login| login.variables().contains(&name.as_str()))) {
                own.extend(login_of(cx, name).await);
            }
            (format!("{}{RUN}", gvisor::enter_if_there()), bash, own)
        }
    };
    // outside gVisor nothing is run that the agent can have written
    only_of_system(&mut environment);
    let exec = Exec { command, environment, user: Some(user), group: Some(user), ..Exec::default() };
    let asked: &[u8] = match into {
        Into::Agent if can_be_asked(cx.caller.var("TERM")) => MODIFIED_KEYS,
        _ => &[],
    };
    let script = Script { before: &cx.caller.umask.line(), run: &run };
    match on_terminal(cx, name, session, script, exec, asked).await {
        Err(Error::NoTmuxSession { .. }) if into == Into::Agent => on_any_server(cx, name, asked).await,
        left => left,
    }
}

/// What lets the agent of a container's session in.
async fn login_of(cx: &Context, name: &str) -> BTreeMap<String, String> {
    // who may attach is decided elsewhere
    match running(cx, name).await.ok().and_then(|owned| owned.marks.session) {
        Some(session) => connect::environment_of(cx, session).await,
        None => BTreeMap::new(),
    }
}

/// Joins the terminal to a session that somebody has started by other means; only root may use every user's server.
async fn on_any_server(cx: &Context, name: &str, asked: &[u8]) -> Result<Left> {
    let command = tmux::on_any_server(name, &tmux::attach_session(name));
    let (agent, nothing) = (cx.settings.tool.agent(), BTreeMap::new());
    let environment = environment(agent, &cx.caller.locale(), &nothing, &nothing);
    let known = async {
        let owned = running(cx, name).await?;
        Ok(Known { session: owned.marks.session, workspace: None, pinned: replaced::pinned(&owned.instance) })
    };
    let exec = Exec { command, environment, ..Exec::default() };
    on_terminal(cx, name, known, Script { before: "", run: &tmux::run_on_any_server() }, exec, asked).await
}

/// Whether the caller's terminal claims to show 24-bit colours.
fn shows_true_color(cx: &Context) -> bool {
    true_color(cx.caller.var("TERM"), cx.caller.var("COLORTERM"))
}

/// Connects the terminal to the agent itself, without tmux. Nobody can return to such an agent, so the container stops
/// with it.
pub async fn directly(cx: &Context, started: &Started, Direct { plan, agent }: &Direct) -> Result<()> {
    let exec = Exec {
        command: plan.inside(agent),
        environment: plan.environment.clone(),
        user: Some(plan.user.uid),
        group: Some(plan.user.gid),
        ..Exec::default()
    };
    let script = Script { before: &probe::script(cx, plan), run: RUN };
    // where cci is killed, the next command stops it
    let begun = Made::Started { name: started.name.clone(), launch: plan.launch().to_owned() };
    cx.scope.ledger.push(begun.clone());
    let left = on_terminal(cx, &started.name, ready(Ok(Known::started(cx, started))), script, exec, &[]).await;
    if matches!(&left, Ok(Left { exit: Some(GuestExit::ShutsDown), .. })) {
        cx.scope.ledger.keep();
    } else {
        release(cx, &started.name, begun).await;
    }
    let left = left?;
    match left.ended {
        Err(error) if error.exit() != Error::Interrupted.exit() => {
            let lost =
                |_| Error::ConnectionLost { name: started.name.clone(), cause: error.to_string(), goes_on: false };
            report_fate(cx, &started.name, true, None, left.noted).await.map_err(lost)
        }
        ended => {
            let reported = report_fate(cx, &started.name, true, Some(GuestExit::ShutsDown), left.noted).await;
            ended.and(reported)
        }
    }
}

/// Hands the stop of a container to Incus; where Incus cannot be reached, the next command does it.
async fn release(cx: &Context, name: &str, begun: Made) {
    match begin_stop(&cx.client, name).await {
        Ok(_) => cx.scope.ledger.keep(),
        Err(error) => {
            cx.scope.ledger.push(begun);
            tracing::info!(%error, "the container could not be stopped");
        }
    }
}

/// Brings a conversation to where the host expects it.
async fn brought_home(cx: &Context, session: SessionId) {
    state_volume::session_brought_home(cx, session).await;
    history::take(cx, session).await;
}

async fn on_terminal(
    cx: &Context,
    name: &str,
    known: impl Future<Output = Result<Known>>,
    Script { before, run }: Script<'_>,
    exec: Exec,
    asked: &[u8],
) -> Result<Left> {
    let size = terminal::size();
    let exec = Exec { cwd: Some(WORKSPACE.to_owned()), tty: Some(size), ..exec };
    let before = format!("{before}{}", layout::enter(None));
    let script = Script { before: &before, run: &init::run_then_report(run) };
    let (begun, Known { session, workspace, pinned }) =
        exec::start_if(cx, name, known, script, &exec, "attach to the session").await?;
    let process = match begun {
        Begun::Runs(process) => process,
        Begun::Refused(exit) => return Err(exec::not_begun(cx, exit).await),
    };
    let ended = {
        let tty = Tty::raw().map_err(|source| Error::Host { step: "open", path: "/dev/tty".into(), source })?;
        let shown = async {
            // if the terminal is gone already, the session ends in a moment; one that is stopped takes nothing for now
            let _ = tty.screen().write_all(asked).await;
            stream::terminal(process, &tty, size, Gate::new(allowed(&cx.settings)), None).await
        };
        tokio::select! {
            ended = shown => ended,
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
            () = brought_home(cx, session) => {}
            () = cx.scope.cancelled() => {}
        }
        cx.scope.ledger.keep();
    }
    Ok(Left { ended, exit, saved: session.is_some(), workspace, noted, pinned })
}
