//! The floor: the calls without which a result cannot be had, made by the bench itself, with the plan that cci makes.

use std::time::Duration;

use cci_core::network::Mode;
use cci_core::plan::{Ask, LaunchPlan, Roots};
use cci_core::slot::Slot;
use cci_core::{Error, Result};
use cci_guest::layout::WORKSPACE;
use cci_guest::tmux;
use cci_incus::{Device, Exec, NewInstance, NewSnapshot, Source, StateChange, TermSize};
use tokio::io::AsyncReadExt;

use super::bed::Bed;
use cci_engine::context::Context;
use cci_engine::incus_error::DuringStep;
use cci_engine::instance::create::request;
use cci_engine::launch::{self, Subject};
use cci_engine::retry::Retry;
use cci_engine::site::host_path;

/// How long one step of the floor may take.
const LIMIT: Duration = Duration::from_secs(120);

/// What a snapshot is called.
const SNAPSHOT: &str = "bench";
/// How often a command is started that Incus gives up.
const TRIES: u32 = 3;

/// A launch that is decided: what is left is to make it.
pub(super) struct Ready {
    pub(super) plan: LaunchPlan,
    pub(super) fingerprint: String,
}

/// Decides a launch in one of the bed's project directories, as cci would.
pub(super) async fn ready(bed: &Bed, workspace: &str, persistent: bool) -> Result<Ready> {
    decided(bed, bed.context(workspace, persistent)?).await
}

/// The same in a network mode of its own, for a container that does not outlive its stop.
pub(super) async fn ready_under(bed: &Bed, mode: Mode, workspace: &str) -> Result<Ready> {
    decided(bed, bed.context_under(mode, workspace)?).await
}

async fn decided(bed: &Bed, cx: Context) -> Result<Ready> {
    let survey = launch::survey(&cx, Subject::Workspace).await?;
    let ask = Ask {
        prefix: cx.prefix.clone(),
        workspace: cx.workspace.clone(),
        owner_uid: cx.caller.ids.uid,
        launch: launch::launch_mark(),
        session: Some((launch::new_session_id(), host_path::own(&bed.dir("floor-state")?)?)),
        sockets: None,
        roots: Roots::OfImage,
        login: std::collections::BTreeMap::new(),
        environment: cx.environment.clone(),
    };
    let (plan, image) = (LaunchPlan::new(&ask, &cx.settings, &survey.host)?, survey.image.found(&cx).await?);
    Ok(Ready { plan: plan.from_image(plan.image(), image.takes_resolv), fingerprint: image.fingerprint.clone() })
}

/// Creates and starts the container of a slot with one request.
pub(super) async fn create(bed: &Bed, ready: &Ready, slot: Slot) -> Result<String> {
    made(bed, ready, slot, Source::fingerprint(&ready.fingerprint)).await
}

/// Creates and starts one with the root file system of a stopped container.
pub(super) async fn create_from(bed: &Bed, ready: &Ready, slot: Slot, copy: &str) -> Result<String> {
    made(bed, ready, slot, Source::copy_of(copy)).await
}

async fn made(bed: &Bed, ready: &Ready, slot: Slot, source: Source) -> Result<String> {
    let spec = ready.plan.machine(slot);
    let new = request(&spec, source, true);
    let created = async { bed.cx.client.create_instance(&new).await?.wait("create a container", LIMIT).await };
    created.await.during("create a container")?;
    Ok(spec.name)
}

/// Takes a snapshot of a container.
pub(super) async fn snapshot(bed: &Bed, name: &str) -> Result<()> {
    let step = "snapshot a container";
    let new = NewSnapshot { name: SNAPSHOT.to_owned(), ..NewSnapshot::default() };
    let taken = async { bed.cx.client.create_snapshot(name, &new).await?.wait(step, LIMIT).await };
    taken.await.map(drop).during(step)
}

/// Makes the snapshot a stopped container, which claims no address: a copy of it could not start.
pub(super) async fn copy(bed: &Bed, name: &str, copy: &str) -> Result<()> {
    let step = "copy a snapshot";
    let mut new = NewInstance::new(copy, Source::copy_of(format!("{name}/{SNAPSHOT}")));
    new.devices.insert("eth0".to_owned(), Device::none());
    let copied = async { bed.cx.client.create_instance(&new).await?.wait(step, LIMIT).await };
    copied.await.map(drop).during(step)
}

/// Removes that container and the snapshot.
pub(super) async fn remove_copy(bed: &Bed, name: &str, copy: &str) -> Result<()> {
    let (client, step) = (&bed.cx.client, "remove the copy");
    let removed = async {
        client.delete_instance(copy).await?.wait(step, LIMIT).await?;
        client.delete_snapshot(name, SNAPSHOT).await?.wait(step, LIMIT).await
    };
    removed.await.map(drop).during(step)
}

/// Starts a stopped container.
pub(super) async fn start(bed: &Bed, name: &str) -> Result<()> {
    state(bed, name, &StateChange::start()).await
}

/// Stops a container at once.
pub(super) async fn stop(bed: &Bed, name: &str) -> Result<()> {
    state(bed, name, &StateChange::kill()).await
}

async fn state(bed: &Bed, name: &str, change: &StateChange) -> Result<()> {
    let done = async { bed.cx.client.change_state(name, change).await?.wait("change the state", LIMIT).await };
    done.await.map(drop).during("change the state of a container")
}

/// One command with its streams connected, as cci runs it.
pub(super) async fn exec(bed: &Bed, name: &str) -> Result<()> {
    let user = bed.cx.settings.incus.agent_uid;
    let exec = Exec { cwd: Some(WORKSPACE.to_owned()), user: Some(user), group: Some(user), ..Exec::new(["true"]) };
    let done = bed.cx.client.exec_captured(name, &exec, &[], LIMIT).await.during("run a command")?;
    succeeded("true", done.status)
}

/// Joins the agent's pane on a terminal until its first byte comes.
pub(super) async fn first_byte(bed: &Bed, name: &str) -> Result<()> {
    let user = bed.cx.settings.incus.agent_uid;
    let exec = Exec {
        user: Some(user),
        group: Some(user),
        tty: Some(TermSize { cols: 120, rows: 40 }),
        environment: [("TERM".to_owned(), "xterm-256color".to_owned())].into(),
        ..Exec::new(tmux::attach(name, false))
    };
    // under load Incus gives an exec up before it runs, which cci starts again too
    let mut retry = Retry::up_to(TRIES);
    loop {
        let mut process = bed.cx.client.exec(name, &exec).await.during("attach")?;
        let Some(screen) = &mut process.stdout else {
            return Err(Error::Internal("a terminal without a screen".into()));
        };
        match screen.read_exact(&mut [0; 1]).await {
            Ok(_) => return Ok(()),
            Err(error) if retry.again("attach by the API", &error).await => {}
            Err(error) => {
                let step = "attaching by the API".into();
                return Err(Error::StepFailed { step, problem: error.to_string(), hint: None });
            }
        }
    }
}

/// A status of 0, or the error that names the command.
pub(super) fn succeeded(command: &str, status: i32) -> Result<()> {
    if status == 0 {
        return Ok(());
    }
    Err(Error::StepFailed { step: format!("running {command}"), problem: format!("status {status}"), hint: None })
}
