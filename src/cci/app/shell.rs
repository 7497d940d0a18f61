//! `shell`: an agent in a container, with a conversation that lives on the host.

use std::time::Duration;

use cci_core::environment::WORKSPACE;
use cci_core::metadata::{Further, Metadata, SCHEMA_VERSION};
use cci_core::plan::{Ask, LaunchPlan};
use cci_core::session::SessionId;
use cci_core::slot::SlotChoice;
use cci_core::tool::Start;
use cci_core::{Error, Result, tmux};
use cci_incus::exec::Exec;
use jiff::Timestamp;

use super::attach;
use super::context::Context;
use super::incus_error::DuringStep;
use super::launch::{self, Launched};
use super::probe;
use super::undo::Made;
use crate::store::seed::Seed;
use crate::store::sessions::Store;

/// How long the agent's tmux session may take to come up.
const START: Duration = Duration::from_secs(30);

/// What kind of session is asked for.
pub(crate) struct Session {
    /// Which slot it takes.
    pub(crate) slot: SlotChoice,
    /// bash in the agent's place.
    pub(crate) debug: bool,
}

/// A session that runs, detached.
pub(crate) struct Started {
    pub(crate) name: String,
    pub(crate) session: SessionId,
}

/// Makes the container and starts the agent in it; a failure or an interrupt takes everything back.
pub(crate) async fn start(cx: &Context, session: &Session) -> Result<Started> {
    cx.guarded(prepare(cx, session)).await
}

async fn prepare(cx: &Context, session: &Session) -> Result<Started> {
    launch::usable(&cx.workspace)?;
    cx.reporter.step("setup", "preparing the container");
    let store = launch::store(cx);
    let id = launch::new_session_id();
    let survey = launch::survey(cx).await?;
    let ask = Ask {
        prefix: cx.prefix.clone(),
        workspace: cx.workspace.clone(),
        owner_uid: cx.caller.ids.uid,
        launch: launch::launch_mark(),
        session: Some((id, store.state_dir(id))),
        environment: cx.environment.clone(),
        profile: None,
    };
    let plan = LaunchPlan::new(&ask, &cx.settings, &survey.host)?;
    for warning in &plan.warnings {
        cx.reporter.warn(warning);
    }
    cx.undo.push(Made::SessionDir(store.dir(id)));
    plant(cx, &plan, &store, id).await?;
    let launched = launch::claim(cx, &plan, session.slot, &survey).await?;
    announce(cx, session.slot, &launched);
    record(&store, id, &plan, &launched).await?;
    start_agent(cx, &plan, &launched.name, id, session.debug).await?;
    cx.reporter.progress(None);
    cx.reporter.note("Starting session...");
    cx.reporter.note(&format!("Session ID: {id}"));
    cx.reporter.note(&format!("Container: {}", launched.name));
    cx.reporter.note(&format!("Network: {}", plan.network));
    Ok(Started { name: launched.name, session: id })
}

/// Makes the session's directory and puts in it what the agent needs.
async fn plant(cx: &Context, plan: &LaunchPlan, store: &Store, id: SessionId) -> Result<()> {
    let owner = launch::agent_ids(cx)?;
    let (store, home) = (store.clone(), cx.caller.home.clone());
    let from_host = cx.settings.defaults.mount_claude_config;
    let api_key = plan.environment.get("ANTHROPIC_API_KEY").cloned();
    blocking(move || {
        let state = store.create(id, owner)?;
        Seed { home: &home, from_host, api_key: api_key.as_deref() }.plant(&state)
    })
    .await
}

/// Writes the session's metadata, before the agent starts.
async fn record(store: &Store, id: SessionId, plan: &LaunchPlan, launched: &Launched) -> Result<()> {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut metadata = Metadata {
        session_id: id,
        container_name: launched.name.clone(),
        persistent: plan.lifetime.is_persistent(),
        workspace: plan.workspace.path().to_owned(),
        saved_at: now.clone(),
        further: serde_json::Map::new(),
    };
    metadata.set_further(&Further {
        schema_version: SCHEMA_VERSION,
        slot: Some(launched.slot.number()),
        tool: Some(plan.tool.name.clone()),
        profile: None,
        image: Some(plan.image().to_owned()),
        network: Some(plan.network.word().to_owned()),
        created_at: Some(now),
    });
    let store = store.clone();
    blocking(move || store.write(&metadata)).await
}

async fn start_agent(cx: &Context, plan: &LaunchPlan, name: &str, id: SessionId, debug: bool) -> Result<()> {
    let agent = if debug { vec!["bash".to_owned(), "-l".to_owned()] } else { plan.tool.command(&Start::New(id)) };
    let exec = Exec {
        command: probe::before(plan, &tmux::start(name, &agent)),
        environment: plan.environment.clone(),
        cwd: Some(WORKSPACE.to_owned()),
        user: Some(plan.user.uid),
        group: Some(plan.user.gid),
        tty: None,
    };
    let done = cx.client.exec_captured(name, &exec, &[], START).await.during("start the agent")?;
    match done.status {
        0 => Ok(()),
        probe::NOT_WRITABLE => Err(Error::WorkspaceNotWritable { path: cx.workspace.path().to_owned() }),
        status => Err(Error::StepFailed {
            step: "starting the agent".into(),
            problem: format!("status {status}: {}", attach::printable(&done.stderr)),
            hint: Some("the image needs tmux and bash: `cci build` makes one that has them".into()),
        }),
    }
}

fn announce(cx: &Context, asked: SlotChoice, launched: &Launched) {
    match asked {
        SlotChoice::Auto => cx.reporter.note(&format!("Auto-allocated slot {}", launched.slot)),
        SlotChoice::Exactly(wanted) if wanted != launched.slot => {
            cx.reporter.note(&format!("Slot {wanted} is occupied, using slot {} instead", launched.slot));
        }
        SlotChoice::Exactly(_) => {}
    }
    if launched.reused {
        cx.reporter.note("Reusing existing container");
    }
}

/// File work beside the runtime's one thread.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Error::Internal(error.to_string())))
}
