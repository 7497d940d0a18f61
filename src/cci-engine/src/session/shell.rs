//! `shell`: an agent in a container, with a conversation that is stored on the host.

use std::future::ready;

use cci_agent::{Agent, Start, TurnHooks};
use cci_core::account::AccountName;
use cci_core::checkpoint::{CheckpointId, Root};
use cci_core::idmap::Ids;
use cci_core::mark::Marks;
use cci_core::pin::Pinned;
use cci_core::plan::{Ask, LaunchPlan, Roots};
use cci_core::prompt::Prompt;
use cci_core::session::{Resume, SessionId};
use cci_core::slot::SlotChoice;
use cci_core::{Error, Result};
use cci_guest::pane::SHELL;
use cci_incus::{Instance, Status};

use crate::blocking::blocking;
use crate::checkpoint::roots;
use crate::context::Context;
use crate::event::{Event, LaunchEvent, SessionEvent};
use crate::instance::remove::remove_launched;
use crate::launch::egress;
use crate::launch::environment;
use crate::launch::{self, Launched, Subject, Survey};
use crate::roll_back;
use crate::session::agent::{self, ToStart, Was};
use crate::session::connect::{self, Sockets, Wanted};
use crate::session::history;
use crate::session::holders::{self, Holder};
use crate::session::login::Way;
use crate::session::plant::{Planting, plant, plant_new};
use crate::session::prompt;
use crate::session::record::{self, Draft, Staged};
use crate::session::resume::{self, Given, Network, Resumed};
use crate::session::secrets::Granted;
use crate::session::shutdown;
use crate::session::state_volume;
use crate::session::trust;
use crate::site::host_path;
use crate::site::replaced;

/// The session to start.
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub struct Session {
    /// Which slot it takes.
    pub slot: SlotChoice,
    /// Which conversation it continues.
    pub resume: Resume,
    /// What the command line gives explicitly.
    pub given: Given,
    /// Which network mode it goes on with.
    pub network: Network,
    /// Start bash instead of the agent.
    pub debug: bool,
    /// Whether the agent runs in tmux; otherwise it is started in the terminal itself.
    pub tmux: bool,
    /// Whether nobody attaches now; then the start waits until the agent shows something.
    pub background: bool,
    /// The root file system that a new container gets instead of the image's.
    pub root: Option<(CheckpointId, Root)>,
    /// Whether the session's own login is dropped for the host's.
    pub fresh_login: bool,
    /// The account that lets it in; none leaves that to the settings.
    pub account: Option<AccountName>,
    /// Whether the agent begins a new conversation with what was said in the one that is resumed.
    pub forks: bool,
    /// A container whose place the new one takes: it is just being removed.
    pub replaces: Option<String>,
    /// What the agent is asked first; only in tmux, and not by a shell.
    pub prompt: Option<Prompt>,
}

/// A running session, detached.
pub struct Started {
    /// The container's name.
    pub name: String,
    /// The conversation in it.
    pub session: SessionId,
    /// Whether the caller's supervisor is to watch it.
    pub watched: bool,
    /// Whether its agent is let in by that.
    pub has_login: bool,
    /// The paths of the host that its container is pinned to.
    pub(crate) pinned: Vec<Pinned>,
    /// The agent that still has to be started in the terminal, if it does not run in tmux.
    pub direct: Option<Direct>,
}

/// An agent without tmux.
pub struct Direct {
    pub(crate) plan: LaunchPlan,
    pub(crate) agent: Vec<String>,
}

/// Creates the container, or finds the one that still runs, and starts the agent in it.
///
/// A failure or an interrupt rolls back what this call created.
pub async fn start(cx: &Context, session: &Session) -> Result<Started> {
    roll_back::on_failure(cx, prepare(cx, session)).await
}

/// The same; the caller keeps what was created, or rolls it back.
pub(crate) async fn prepare(cx: &Context, session: &Session) -> Result<Started> {
    let running = Box::pin(async { decide(cx, session).await?.made(session).await }).await?;
    Box::pin(running.start(session)).await
}

/// A session that is decided: its container is still to be created, unless it runs.
pub(crate) struct Decided {
    cx: Context,
    id: SessionId,
    /// The conversation of the host's that it goes on with.
    continued: Option<SessionId>,
    owner: Ids,
    resumed: Option<Resumed>,
    slot: SlotChoice,
    turns: TurnHooks,
    /// Whether the agent tells its turns.
    is_told: bool,
    way: Way,
    granted: Granted,
    survey: Survey,
    sockets: Option<Sockets>,
    plan: LaunchPlan,
    live: Option<Instance>,
    pinned: Vec<Pinned>,
}

/// A container whose agent is to be started.
struct Running {
    cx: Context,
    name: String,
    id: SessionId,
    plan: LaunchPlan,
    pinned: Vec<Pinned>,
    watched: bool,
    has_login: bool,
    agent: Vec<String>,
    /// What the agent waits for, if the container is new.
    claim: Option<Claim>,
}

/// A new container whose session is not published yet.
struct Claim {
    draft: Draft,
    staged: Option<Staged>,
    launched: Launched,
    is_resumed: bool,
}

/// Decides everything about a session and creates no container.
pub(crate) async fn decide(cx: &Context, session: &Session) -> Result<Decided> {
    let workspace = launch::usable(cx)?;
    let continued = history::continued(cx, &session.resume).await?;
    let resumed = if continued.is_some() { None } else { resume::find(cx, &session.resume).await? };
    let (cx, slot) = match &resumed {
        Some(resumed) => {
            let metadata = &resumed.saved.metadata;
            (
                resume::inherit(cx, session.given, session.network, metadata)?,
                resume::slot(cx, session.given, session.slot, metadata),
            )
        }
        None => (cx.clone(), session.slot),
    };
    if session.prompt.is_some() {
        prompt::check(&cx.settings.tool)?;
    }
    let mut cx = environment::resolved(&cx).await?;
    if session.account.is_some() {
        cx.settings.login.account.clone_from(&session.account);
    }
    cx.emit(LaunchEvent::Preparing);
    history::check(&cx)?;
    let known = continued.or(resumed.as_ref().map(Resumed::id));
    let id = known.unwrap_or_else(launch::new_session_id);
    if known.is_some() {
        holders::refuse_elsewhere(&cx, id).await?;
    }
    let owner = launch::agent_ids(&cx, Some(&workspace));
    let is_told = connect::is_wanted(&cx.settings, session.debug);
    let way = connect::way(&cx).await?;
    let granted = connect::granted(&cx).await?;
    let is_judged = cx.policy().is_ok_and(|policy| policy.is_some_and(|policy| policy.is_named()));
    let is_connected = is_told || way.needs_supervisor() || granted.is_served() || is_judged;
    let turns = connect::turn_hooks(&cx.settings, is_told, is_judged);
    // what does not depend on Incus is done while Incus is asked
    let planting = Planting {
        turns: turns.clone(),
        way: &way,
        granted: &granted,
        is_fresh: session.fresh_login,
        continues: continued.is_some(),
    };
    let (survey, planted) = tokio::join!(launch::survey(&cx, Subject::Workspace), async {
        if resumed.is_none() { plant_new(&cx, id, owner, planting).await } else { Ok(()) }
    });
    let mut survey = survey?;
    planted?;
    survey.instances.retain(|instance| Some(&instance.name) != session.replaces.as_ref());
    if let Some(running) = live(&survey.instances, id)
        && shutdown::is_going_down(&cx, &running.name).await
    {
        shutdown::wait_until_down(&cx, &running.name).await?;
        survey = launch::survey(&cx, Subject::Workspace).await?;
    }
    if let Some(resumed) = &resumed
        && live(&survey.instances, id).is_none()
    {
        check_conversation(&cx, session, resumed).await?;
    }
    if let Some((checkpoint, root)) = &session.root {
        survey = survey.from_root(roots::original(&cx, checkpoint, root).await?);
    }
    let is_new = live(&survey.instances, id).is_none();
    if session.fresh_login && !is_new {
        return Err(Error::Usage {
            problem: "the session runs, and keeps the login that it was started with".into(),
            hint: Some("`cci shutdown` it first, then resume it with --fresh-creds".into()),
        });
    }
    let sockets = if is_connected { connect::make(&cx, id, owner, (&way, &granted), is_new)? } else { None };
    let plan = plan(&cx, id, resumed.as_ref(), &survey, sockets.as_ref(), (&way, &granted))?;
    way.tell(&cx);
    granted.tell(&cx);
    launch::tell(&cx, &plan, &survey).await?;
    let live = live(&survey.instances, id).cloned();
    let pinned = live.as_ref().map_or_else(|| plan.pinned(), replaced::pinned);
    report_replaced(&cx, live.as_ref(), &pinned, resumed.as_ref()).await?;
    Ok(Decided {
        cx,
        id,
        continued,
        owner,
        resumed,
        slot,
        turns,
        is_told,
        way,
        granted,
        survey,
        sockets,
        plan,
        live,
        pinned,
    })
}

impl Decided {
    /// Creates the container and starts the agent in it, as [`start`](start()) does.
    pub(crate) async fn start(self, session: &Session) -> Result<Started> {
        let cx = self.cx.clone();
        roll_back::on_failure(&cx, async { Box::pin(self.made(session)).await?.start(session).await }).await
    }

    /// Creates the container, or takes the one that runs.
    async fn made(self, session: &Session) -> Result<Running> {
        let Self {
            cx,
            id,
            continued,
            owner,
            resumed,
            slot,
            turns,
            is_told,
            way,
            granted,
            survey,
            sockets,
            plan,
            live,
            pinned,
        } = self;
        let has_sockets = sockets.is_some();
        let (name, plan, claim) = if let Some(running) = &live {
            survey.policy_check.verify(&cx).await?;
            (running.name.clone(), launch::as_made(&plan, &running.config), None)
        } else {
            let is_fresh = session.fresh_login;
            let planting = Planting { turns, way: &way, granted: &granted, is_fresh, continues: false };
            let mut claim = claimed(&cx, plan, slot, id, resumed.as_ref(), &survey, planting).await?;
            claim.is_resumed |= continued.is_some();
            (claim.launched.name.clone(), claim.launched.plan.clone(), Some(claim))
        };
        let slot = claim.as_ref().map(|claim| claim.launched.slot);
        let egress = slot.map(|slot| egress::way_out(&cx, &plan, &name, slot)).transpose()?.flatten();
        let is_by_name = egress.is_some();
        let machine = egress::machine(&plan, &name);
        let wanted = Wanted { sockets: has_sockets, is_told, way: &way, granted: &granted, egress, machine };
        let watched = connect::watch(&cx, id, owner, &plan, live.as_ref(), wanted)?;
        if is_by_name {
            egress::taken_in(&cx, id).await?;
        }
        let plan = if watched { plan } else { plan.without_login() };
        let has_login = watched && way.needs_supervisor();
        drop(sockets);
        let transcript = resumed.and_then(|resumed| resumed.transcript).or(continued.map(|id| id.to_string()));
        let agent = agent_command(&plan, session, id, transcript);
        Ok(Running { cx, name, id, plan, pinned, watched, has_login, agent, claim })
    }
}

impl Running {
    /// Publishes the session, and starts the agent if it runs in tmux.
    async fn start(self, session: &Session) -> Result<Started> {
        let Self { cx, mut name, id, plan, pinned, watched, has_login, agent, claim } = self;
        let mut first = None;
        let published = async {
            let Some(claim) = claim else { return record::note_given(&cx, id).await };
            match Box::pin(published(&cx, id, claim)).await? {
                None => Ok(()),
                Some(earlier) => {
                    let lost = holders::elsewhere(&earlier);
                    first = Some(earlier);
                    Err(lost)
                }
            }
        };
        let known = async {
            let (published, trusted) = tokio::join!(published, trust::ensure(&cx, &plan, &name));
            published.and(trusted)
        };
        let begun = if session.tmux {
            Box::pin(start_in_tmux(&cx, &plan, &name, session, &agent, known)).await.map(Some)
        } else {
            known.await.map(|()| None)
        };
        let was = match first.filter(|first| holders::is_here(&cx, first)) {
            Some(first) => {
                name = first.instance.name;
                None
            }
            None => begun?,
        };
        // two agents on one conversation would overwrite each other's data: one that runs in tmux is attached to instead
        let direct = !session.tmux && !agent::has_session(&cx, &name, plan.user.uid).await?;
        let was = if direct {
            launch::note_ids(&cx, &name).await;
            None
        } else if was.is_none() {
            Some(Box::pin(start_in_tmux(&cx, &plan, &name, session, &agent, ready(Ok(())))).await?)
        } else {
            was
        };
        let has_read = was == Some(Was::Absent) && prompt::is_read(&plan);
        if let Some(prompt) = session.prompt.as_ref().filter(|_| !has_read) {
            prompt::type_in(&cx, &name, prompt).await?;
        }
        cx.emit(Event::Idle);
        cx.emit(SessionEvent::Started { session: id, container: name.clone(), network: plan.network });
        let direct = direct.then_some(Direct { plan, agent });
        Ok(Started { name, session: id, watched, has_login, pinned, direct })
    }
}

async fn start_in_tmux(
    cx: &Context,
    plan: &LaunchPlan,
    name: &str,
    session: &Session,
    agent: &[String],
    known: impl Future<Output = Result<()>>,
) -> Result<Was> {
    let prompt = session.prompt.as_ref().filter(|_| prompt::is_read(plan));
    let agent = ToStart { screen: screen(plan, session), argv: agent, prompt };
    let started = async {
        // a shell needs no wait
        if session.background && !session.debug {
            Box::pin(agent::ensure_up(cx, plan, name, agent, known)).await
        } else {
            Box::pin(agent::ensure(cx, plan, name, agent, known)).await
        }
    };
    let (started, ()) = tokio::join!(started, launch::note_ids(cx, name));
    launch::boot_failure::explained(cx, name, started).await
}

fn plan(
    cx: &Context,
    id: SessionId,
    resumed: Option<&Resumed>,
    survey: &Survey,
    sockets: Option<&Sockets>,
    (way, granted): (&Way, &Granted),
) -> Result<LaunchPlan> {
    let (store, workspace) = (launch::store(cx), survey.host.workspace.as_ref());
    // a resumed conversation may lack it
    store.create(id, launch::agent_ids(cx, workspace))?;
    let state = store.state_dir(id);
    let ask = Ask {
        prefix: cx.prefix.clone(),
        workspace: cx.workspace.clone(),
        owner_uid: cx.caller.ids.uid,
        launch: launch::launch_mark(),
        session: Some((id, host_path::own(&state)?)),
        sockets: sockets.map(|sockets| sockets.place.clone()),
        roots: if granted.authority.is_some() { Roots::AndOfUser } else { Roots::OfImage },
        login: way.environment.iter().chain(&granted.environment).map(|(k, v)| (k.clone(), v.clone())).collect(),
        environment: cx.environment.clone(),
    };
    let plan = LaunchPlan::new(&ask, &cx.settings, &survey.host)?;
    let in_volume = resumed.and_then(|resumed| resumed.saved.metadata.further().volume);
    Ok(in_volume.and_then(|volume| plan.beyond_home(Some(&volume.pool))).unwrap_or(plan))
}

fn agent_command(plan: &LaunchPlan, session: &Session, id: SessionId, transcript: Option<String>) -> Vec<String> {
    if session.debug {
        return ["bash", "-l"].map(str::to_owned).to_vec();
    }
    match transcript {
        Some(from) if session.forks => plan.command(&Start::Fork { from, to: id.to_string() }),
        Some(transcript) => plan.command(&Start::Resume(transcript)),
        None => plan.command(&Start::New(id.to_string())),
    }
}

/// Reports which paths of the host were replaced since the container, or the resumed session, was started.
async fn report_replaced(
    cx: &Context,
    live: Option<&Instance>,
    pinned: &[Pinned],
    resumed: Option<&Resumed>,
) -> Result<()> {
    let before = match (live, resumed) {
        (Some(_), _) => pinned.to_vec(),
        (None, Some(resumed)) => resumed.saved.metadata.further().pinned,
        (None, None) => return Ok(()),
    };
    let paths = replaced::replaced(cx, before).await?;
    if !paths.is_empty() {
        cx.emit(SessionEvent::Replaced { shown_by: live.map(|running| running.name.clone()), paths });
    }
    Ok(())
}

/// Which agent's rules the screen is read by.
fn screen(plan: &LaunchPlan, session: &Session) -> &'static str {
    if session.debug {
        return SHELL;
    }
    prompt::started(&plan.tool.binary, &plan.tool.name).map_or("other", Agent::name)
}

/// The running container of a conversation.
fn live(instances: &[Instance], id: SessionId) -> Option<&Instance> {
    let has_it = |instance: &&Instance| {
        instance.status_code == Status::Running
            && Marks::from_config(&instance.config).is_some_and(|marks| marks.session == Some(id))
    };
    instances.iter().find(has_it)
}

/// A container of this launch, its session directory filled and its metadata ready to be published.
async fn claimed(
    cx: &Context,
    plan: LaunchPlan,
    slot: SlotChoice,
    id: SessionId,
    resumed: Option<&Resumed>,
    survey: &Survey,
    planting: Planting<'_>,
) -> Result<Claim> {
    if resumed.is_some() {
        // nobody may have been there when it ended
        history::take(cx, id).await;
        plant(cx, id, launch::agent_ids(cx, survey.host.workspace.as_ref()), planting).await?;
    }
    let draft = Draft::new(id, resumed.map(|resumed| resumed.saved.metadata.clone()));
    let likely = launch::likely(cx, &plan, slot, survey);
    let (launched, staged) = tokio::join!(launch::claim(cx, &plan, slot, survey), draft.stage(cx, likely.as_ref()));
    Ok(Claim { staged: staged?, launched: launched?, draft, is_resumed: resumed.is_some() })
}

/// Publishes the metadata of a session and fills its volume, unless another container was first with its conversation:
/// then ours is removed, and the other one returned.
async fn published(cx: &Context, id: SessionId, claim: Claim) -> Result<Option<Holder>> {
    let Claim { draft, staged, launched, is_resumed } = claim;
    if is_resumed && let Some(first) = holders::earlier(cx, id, &launched.name).await? {
        remove_launched(&cx.client, &launched.name, launched.plan.launch()).await?;
        return Ok(Some(first));
    }
    draft.publish(cx, staged, &launched).await?;
    state_volume::fill(cx, &launched, id).await?;
    Ok(None)
}

/// Says before the start that there is no conversation to resume; refuses if there was one and its transcript is gone.
async fn check_conversation(cx: &Context, session: &Session, resumed: &Resumed) -> Result<()> {
    if session.debug || resumed.transcript.is_some() || cx.settings.tool.agent().transcripts().is_none() {
        return Ok(());
    }
    let (store, id) = (launch::store(cx), resumed.id());
    if blocking(move || Ok(store.lost_conversation(id))).await? {
        return Err(Error::ConversationLost { id: id.to_string() });
    }
    cx.emit(SessionEvent::NothingSaid(id));
    Ok(())
}
