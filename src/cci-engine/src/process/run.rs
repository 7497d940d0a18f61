//! `run`: one command in a fresh container, its streams and its status passed through.

use std::time::Duration;

use cci_core::Result;
use cci_core::checkpoint::Cause;
use cci_core::lifetime::Lifetime;
use cci_core::plan::{Ask, LaunchPlan, Roots};
use cci_core::slot::SlotChoice;
use cci_guest::handshake::Script;
use cci_incus::Exec;

use crate::checkpoint::wanted::Wanted;
use crate::checkpoint::{cost, take};
use crate::context::Context;
use crate::event::CheckpointEvent;
use crate::instance::stop::begin_stop;
use crate::launch::egress::{self, Opened};
use crate::launch::{self, Launched, Subject};
use crate::ledger::Made;
use crate::process::exec::{self, Begun};
use crate::process::outcome::{self, Outcome};
use crate::process::probe;
use crate::process::signals::Signals;
use crate::roll_back;
use cci_host::input::Input;
use cci_host::terminal;

/// What to run.
pub struct Command {
    /// The command and its arguments.
    pub argv: Vec<String>,
    /// Which slot it takes.
    pub slot: SlotChoice,
    /// How long it may take, from the start of the command.
    pub timeout: Option<Duration>,
    /// Whether its output is captured.
    pub capture: bool,
    /// Whether it reads nothing and leaves the caller's stdin alone.
    pub no_input: bool,
    /// Whether a checkpoint is taken before it and one after it.
    pub checkpoint: bool,
}

impl Command {
    /// Whether it gets a terminal of its own: a terminal has no end of file, so such a command can be neither timed nor
    /// captured, and a background job may not use the terminal.
    fn is_interactive(&self) -> bool {
        let plain = !self.capture && !self.no_input && self.timeout.is_none();
        plain && terminal::is_interactive() && terminal::is_in_front()
    }
}

/// How long a container may take to stop.
const STOP: Duration = Duration::from_secs(60);

/// Runs it to its end.
pub async fn run(cx: &Context, command: &Command) -> Result<Outcome> {
    // noted until it has ended, so that a kill does not leave it running
    let (launched, opened) = roll_back::on_failure_or_kill(cx, prepare(cx, command)).await?;
    if launched.lifetime.is_persistent() && !launched.reused {
        stays(cx, &launched);
    }
    let done = executed(cx, &launched, command).await;
    release(cx, &launched).await;
    if let Some(opened) = opened {
        opened.close().await;
    }
    done
}

/// The command, with a checkpoint before it and one after it if they were asked for.
async fn executed(cx: &Context, launched: &Launched, command: &Command) -> Result<Outcome> {
    if !command.checkpoint {
        return execute(cx, launched, command).await;
    }
    cost::tell_once_of(cx, &launched.name).await?;
    let take = |cause| take::take_in(cx, &launched.name, Wanted::because(cause));
    let before = take(Cause::BeforeRun).await?;
    cx.emit(CheckpointEvent::Taken { id: before.node.id, before: true });
    let done = execute(cx, launched, command).await?;
    match take(Cause::AfterRun).await {
        Ok(after) => cx.emit(CheckpointEvent::Taken { id: after.node.id, before: false }),
        // the command has been run, and its status is the result
        Err(error) => cx.emit(CheckpointEvent::NotTaken(error)),
    }
    Ok(done)
}

/// A persistent container that is ready is stopped by whatever ends the command, and no longer removed.
fn stays(cx: &Context, launched: &Launched) {
    let (name, launch) = (launched.name.clone(), launched.plan.launch().to_owned());
    cx.scope.ledger.push(Made::Started { name: name.clone(), launch: launch.clone() });
    cx.scope.ledger.forget(&Made::Instance { name, launch });
}

async fn prepare(cx: &Context, command: &Command) -> Result<(Launched, Option<Opened>)> {
    let survey = launch::survey(cx, Subject::Workspace).await?;
    let ask = Ask {
        prefix: cx.prefix.clone(),
        workspace: cx.workspace.clone(),
        owner_uid: cx.caller.ids.uid,
        launch: launch::launch_mark(),
        session: None,
        sockets: None,
        roots: Roots::OfImage,
        login: std::collections::BTreeMap::new(),
        environment: cx.environment.clone(),
    };
    let plan = LaunchPlan::new(&ask, &cx.settings, &survey.host)?;
    launch::tell(cx, &plan, &survey).await?;
    let launched = launch::claim(cx, &plan, command.slot, &survey).await?;
    let opened = egress::open(cx, &launched.plan, &launched.name, launched.slot).await?;
    Ok((launched, opened))
}

async fn execute(cx: &Context, launched: &Launched, command: &Command) -> Result<Outcome> {
    let plan = &launched.plan;
    let size = command.is_interactive().then(terminal::size);
    let exec = Exec {
        command: plan.inside(&command.argv),
        environment: plan.environment.clone(),
        cwd: Some(plan.place.clone()),
        user: Some(plan.user.uid),
        group: Some(plan.user.gid),
        tty: size,
    };
    let noted = async {
        launch::note_ids(cx, &launched.name).await;
        Ok(())
    };
    let (probe, signals) = (probe::script(cx, plan), Signals::listen());
    let begun = exec::start_if(cx, &launched.name, noted, Script::before(&probe), &exec, "start the command").await;
    let begun = begun.map(|(begun, ())| begun);
    let process = match launch::boot_failure::explained(cx, &launched.name, begun).await? {
        Begun::Runs(process) => process,
        Begun::Refused(exit) => return Err(exec::not_begun(cx, exit).await),
    };
    if let Some(size) = size {
        return outcome::on_terminal(process, size, signals).await;
    }
    let input = Input::of_this_process(command.no_input);
    outcome::on_pipes(process, signals, input, command.capture, command.timeout).await
}

/// Requests the stop from Incus, which deletes an ephemeral container by itself; a persistent one is waited for,
/// because the next command must find it stopped to reuse it.
async fn release(cx: &Context, launched: &Launched) {
    let ended = match begin_stop(&cx.client, &launched.name).await {
        Ok(Some(operation)) if launched.lifetime == Lifetime::Persistent => {
            // Incus has the stop request, and carries it out whether or not this wait sees the end
            let _ = operation.wait("stop the container", STOP).await;
            true
        }
        Ok(_) => true,
        // it is not known whether the stop has reached Incus
        Err(_) => roll_back::everything(cx).await.all,
    };
    if ended {
        cx.scope.ledger.keep();
    }
}
