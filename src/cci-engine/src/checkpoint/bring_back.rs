//! Carries out a rewind, step by step; each step can be repeated, so an interrupted one is completed by doing it again.

use std::collections::BTreeMap;
use std::sync::Arc;

use cci_core::Result;
use cci_core::checkpoint::{CheckpointId, Node};
use cci_core::mark::LAUNCH;
use cci_core::metadata::{Further, Metadata, SCHEMA_VERSION};
use cci_core::session::{Resume, SessionId};
use cci_core::slot::{Slot, SlotChoice};
use cci_git::Restored;

use super::contents::{self, Place};
use super::inherited;
use super::linked;
use super::opened::{Opened, now};
use super::record;
use super::running_agent;
use super::subject::{self, Subject};
use super::watch::Standstill;
use crate::blocking::blocking;
use crate::context::Context;
use crate::event::CheckpointEvent;
use crate::instance::init::Init;
use crate::instance::remove::remove_launched;
use crate::instance::stop::{Stop, stop, stop_while};
use crate::launch;
use crate::session::connect;
use crate::session::resume::{Given, Network};
use crate::session::shell::{self, Session};
use crate::session::state_volume;
use crate::site::host_path;
use crate::upkeep::reclaim;
use cci_host::store::checkpoints::{Journal, Part};
use cci_host::store::sessions::Store;

/// Which end of a rewind is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Back {
    /// Where it leads.
    To,
    /// Where it began.
    From,
}

/// What a rewind ends.
pub(crate) struct InTheWay {
    /// The container, with the conversation in it.
    pub(crate) subject: Subject,
    /// What its agent was given on the command line.
    pub(crate) environment: BTreeMap<String, String>,
    /// What makes it stand still, if it does.
    pub(crate) standing: Option<Standstill>,
    /// Its first process, if the kernel shows it.
    pub(crate) init: Option<Init>,
}

impl InTheWay {
    async fn find(cx: &Context, journal: &Journal, node: &Node) -> Result<Self> {
        let subject = in_the_way(cx, journal, node).await?;
        let environment = running_agent::environment(cx, &subject).await?;
        let init = match ended_container(journal, &subject) {
            Some(name) if subject.runs() => Init::of(cx, name).await,
            _ => None,
        };
        Ok(Self { subject, environment, standing: None, init })
    }
}

/// Brings back what the journal says, as `node` holds it; the container and the conversation that run then.
pub(crate) async fn bring_back(
    cx: &Context,
    opened: &mut Opened,
    journal: &Journal,
    node: &Node,
    ended: Option<InTheWay>,
) -> Result<Option<(String, SessionId)>> {
    let InTheWay { subject, environment, standing, init } = match ended {
        Some(ended) => ended,
        None => InTheWay::find(cx, journal, node).await?,
    };
    let restarts = restarts(&journal.parts, subject.runs());
    let account = running_agent::account(cx, subject.session_id()).await;
    let wanted = wanted(cx, journal, node, &subject).filter(|_| restarts);
    let wanted = wanted.map(|wanted| Session { account, ..wanted });
    let own = cx.with_environment(environment);
    let decided = async || match &wanted {
        Some(wanted) => Box::pin(shell::decide(&own, wanted)).await.map(Some),
        None => Ok(None),
    };
    let (restored, decision) = if let Some((init, name)) = init.zip(ended_container(journal, &subject)) {
        // nothing of it moves any more long before Incus has cleared it away
        cx.emit(CheckpointEvent::EndingContainer { container: name.to_owned() });
        let restored = async {
            init.gone().await?;
            drop(standing);
            let done = (restore(cx, opened, journal, node).await?, decided().await?);
            // nothing else is to be done until Incus has ended
            if let Err(error) = record::consolidated(cx, opened).await {
                cx.emit(CheckpointEvent::NotRemoved(error));
            }
            Ok(done)
        };
        let restored = stop_while(cx, name, restored).await??;
        if !is_ephemeral(&subject) {
            remove(cx, journal, &subject).await?;
        }
        restored
    } else {
        if restarts {
            end(cx, journal, &subject).await?;
        }
        // nothing of it runs any more, so its removal is not waited for
        let removed = async { if restarts { remove(cx, journal, &subject).await } else { Ok(()) } };
        let (restored, ()) = tokio::try_join!(restore(cx, opened, journal, node), removed)?;
        (restored, decided().await?)
    };
    if let Some((first, files)) = restored {
        cx.emit(CheckpointEvent::WithoutSetId { first, files });
    }
    let running = match decision.zip(wanted.as_ref()) {
        Some((decided, wanted)) => Some(Box::pin(decided.start(wanted)).await?),
        None => None,
    };
    let running = running.map(|started| (started.name, started.session));
    let session = session(cx, journal, node);
    let session = unmade(cx, opened, journal, node, session).await?;
    settle(cx, opened, session, &node.id, running.as_ref().map(|(name, _)| name)).await?;
    Ok(running)
}

/// Whether Incus removes the container when it stops.
fn is_ephemeral(subject: &Subject) -> bool {
    subject.container.as_ref().is_some_and(|owned| owned.instance.ephemeral)
}

/// Refuses to end an agent that could not be started again, because its account is gone.
pub(crate) async fn refuse_unfit(cx: &Context, parts: &[Part], subject: &Subject) -> Result<()> {
    if !restarts(parts, subject.runs()) {
        return Ok(());
    }
    let mut own = cx.clone();
    if let Some(account) = running_agent::account(cx, subject.session_id()).await {
        own.settings.login.account = Some(account);
    }
    connect::way(&own).await.map(drop)
}

/// The container that is replaced.
fn ended_container<'a>(journal: &Journal, subject: &'a Subject) -> Option<&'a str> {
    let owned = subject.container.as_ref().filter(|_| journal.parts.contains(&Part::Container))?;
    Some(owned.instance.name.as_str())
}

/// Removes the conversation that an `adopt` has made, when it is taken back; the one that is current then.
async fn unmade(
    cx: &Context,
    opened: &Opened,
    journal: &Journal,
    node: &Node,
    session: Option<SessionId>,
) -> Result<Option<SessionId>> {
    let is_adopt = opened.nodes.get(&journal.to).is_some_and(|to| is_adopted(cx, to));
    let Some(made) = session.filter(|_| is_adopt && node.id == journal.from && node.session.is_none()) else {
        return Ok(session);
    };
    let dir = launch::store(cx).dir(made);
    cx.scope.writing(move || if dir.exists() { Store::remove(&dir) } else { Ok(()) }).await?;
    Ok(None)
}

/// Whether the agent is ended and started again: not where only files change under it.
fn restarts(parts: &[Part], was_running: bool) -> bool {
    let has = |part| parts.contains(&part);
    has(Part::Container) || (has(Part::Conversation) && was_running)
}

/// The conversation that comes back: of a checkpoint that is adopted, into the one that there is here.
fn session(cx: &Context, journal: &Journal, node: &Node) -> Option<SessionId> {
    if is_adopted(cx, node) { journal.session } else { node.session.or(journal.session) }
}

/// Whether a checkpoint is one of another workspace: of a fork.
fn is_adopted(cx: &Context, node: &Node) -> bool {
    node.workspace != cx.workspace.path()
}

/// What runs, or is kept, in the place where the checkpoint's conversation comes back.
async fn in_the_way(cx: &Context, journal: &Journal, node: &Node) -> Result<Subject> {
    if let Some(session) = session(cx, journal, node) {
        let of_session = subject::of_session(cx, session).await?;
        if of_session.container.is_some() || journal.container.is_none() {
            return Ok(of_session);
        }
    }
    let here = subject::containers(cx).await?;
    match here.into_iter().find(|owned| Some(&owned.instance.name) == journal.container.as_ref()) {
        Some(owned) => subject::of_container(cx, owned).await,
        None => Ok(Subject { container: None, session: None }),
    }
}

/// Ends the container, or only the agent in it.
async fn end(cx: &Context, journal: &Journal, subject: &Subject) -> Result<()> {
    let Some(owned) = &subject.container else { return Ok(()) };
    let name = &owned.instance.name;
    if journal.parts.contains(&Part::Container) {
        cx.emit(CheckpointEvent::EndingContainer { container: name.clone() });
        // a terminal that is attached would keep a removal waiting
        return stop(cx, name, Stop::Now, "stop the container").await;
    }
    cx.emit(CheckpointEvent::EndingAgent { container: name.clone() });
    running_agent::end(cx, name).await
}

/// Removes the container, if another one takes its place.
async fn remove(cx: &Context, journal: &Journal, subject: &Subject) -> Result<()> {
    let Some(owned) = subject.container.as_ref().filter(|_| journal.parts.contains(&Part::Container)) else {
        return Ok(());
    };
    let launch = owned.instance.config.get(LAUNCH).map(String::as_str).unwrap_or_default();
    remove_launched(&cx.client, &owned.instance.name, launch).await.map(drop)
}

/// Brings back the files of the workspace and of the conversation; those that lost their set-id bits.
async fn restore(cx: &Context, opened: &Opened, journal: &Journal, node: &Node) -> Result<contents::WithoutSetId> {
    let mut without_set_id = None;
    let label = format!("cci rewind to {}", node.id);
    if let Some(tree) = node.tree.as_ref().filter(|_| journal.parts.contains(&Part::Workspace)) {
        let root = host_path::real_workspace(cx).await?;
        let place = Place::workspace(&root, &cx.settings.checkpoints, opened.kept.cache(&cx.workspace));
        let place = place.sparing(&linked::OF_FORKS);
        let to = contents::snapshot(&tree.tree, &tree.stat)?;
        let spares_git = is_adopted(cx, node) && !linked::has_own(&opened.store, node).await?;
        let place = if spares_git { place.sparing(&["/.git"]) } else { place };
        let forks = linked::forks_at(cx).await?;
        let mut restored = restored(cx, opened, &place, &to, &label).await?;
        if !restored.failed.is_empty() && reclaim::reclaim(cx).await? > 0 {
            restored = self::restored(cx, opened, &place, &to, &label).await?;
        }
        linked::keep_forks(cx, forks).await?;
        place.is_whole(&restored, "the files of the workspace")?;
        without_set_id = contents::without_set_id(&restored);
    }
    if let Some(git) = node.git.as_ref().filter(|_| journal.parts.contains(&Part::Workspace)) {
        if is_adopted(cx, node) {
            linked::adopt(cx, &opened.store, git, &format!("cci adopt {}", node.id)).await?;
        } else {
            linked::restore(cx, &opened.store, git, &label).await?;
        }
    }
    let session = session(cx, journal, node).filter(|_| journal.parts.contains(&Part::Conversation));
    if let Some((session, talk)) = session.zip(node.talk.as_ref()) {
        let store = launch::store(cx);
        let workspace = launch::usable(cx)?;
        let owner = launch::agent_ids(cx, Some(&workspace));
        let record = metadata(cx, node, session).await?;
        blocking(move || {
            store.create(session, owner)?;
            // a conversation that `clean` has removed comes back too, and an adopted one may be new here
            if matches!(store.read(session), Ok(None)) { store.write(&record) } else { Ok(()) }
        })
        .await?;
        let state = launch::store(cx).state_dir(session);
        let cache = opened.kept.conversation_cache(session);
        let place = Place::conversation(&state, cx.settings.tool.agent(), cache);
        let to = contents::snapshot(&talk.tree, &talk.stat)?;
        let restored = restored(cx, opened, &place, &to, &label).await?;
        place.is_whole(&restored, "the conversation")?;
        if journal.parts.contains(&Part::Container) {
            let sessions = launch::store(cx);
            cx.scope.writing(move || state_volume::outdated(&sessions, session)).await?;
        }
    }
    Ok(without_set_id)
}

/// The metadata of a conversation that has none: as that of the fork, or as far as a checkpoint knows it.
async fn metadata(cx: &Context, node: &Node, session: SessionId) -> Result<Metadata> {
    let Some(theirs) = node.session.filter(|_| is_adopted(cx, node)) else { return Ok(of_node(node, session)) };
    let store = launch::store(cx);
    let theirs = blocking(move || store.read(theirs)).await?.map(|saved| saved.metadata);
    Ok(inherited::metadata(cx, session, theirs.as_ref(), node.persistent))
}

/// The metadata of a conversation, as far as a checkpoint knows it.
fn of_node(node: &Node, session: SessionId) -> Metadata {
    let mut metadata = Metadata {
        session_id: session,
        container_name: node.container.clone().unwrap_or_default(),
        persistent: node.persistent,
        workspace: node.workspace.clone(),
        saved_at: node.at.clone(),
        further: serde_json::Map::new(),
    };
    metadata.set_further(&Further {
        schema_version: SCHEMA_VERSION,
        slot: node.slot,
        tool: node.agent.clone(),
        ..Further::default()
    });
    metadata
}

async fn restored(
    cx: &Context,
    opened: &Opened,
    place: &Place,
    to: &cci_git::Snapshot,
    label: &str,
) -> Result<Restored> {
    let (store, place, to, label) = (Arc::clone(&opened.store), place.clone(), *to, label.to_owned());
    cx.scope.writing(move || place.restore(&store, &to, &label)).await
}

/// The session that is started: the agent on the conversation, in a container with the root file system of the checkpoint,
/// or in the one that still runs. None where the container that comes back is none: then nothing ran.
fn wanted(cx: &Context, journal: &Journal, node: &Node, subject: &Subject) -> Option<Session> {
    let replaces = journal.parts.contains(&Part::Container);
    let root = node.root.clone().filter(|_| replaces).map(|root| (node.id.clone(), root));
    let session = session(cx, journal, node).filter(|_| root.is_some() || !replaces)?;
    let slot = subject.slot().or_else(|| node.slot.and_then(Slot::new));
    let ended = subject.container.as_ref().filter(|_| replaces);
    Some(Session {
        slot: slot.map_or(SlotChoice::Auto, SlotChoice::Exactly),
        resume: Resume::Exactly(session.to_string()),
        given: Given { slot: slot.is_some(), ..Given::default() },
        network: Network::Stricter,
        debug: false,
        tmux: true,
        // an agent that does not come up is seen by whoever attaches; everything is back nevertheless
        background: false,
        root,
        fresh_login: false,
        account: None,
        forks: false,
        replaces: ended.map(|owned| owned.instance.name.clone()),
        prompt: None,
    })
}

/// Notes that it is complete.
async fn settle(
    cx: &Context,
    opened: &mut Opened,
    session: Option<SessionId>,
    id: &CheckpointId,
    container: Option<&String>,
) -> Result<()> {
    opened.heads.set(session, &cx.workspace, id);
    if let Some(container) = container {
        opened.heads.rewound.insert(container.clone(), now());
    }
    let (kept, heads) = (opened.kept.clone(), opened.heads.clone());
    cx.scope
        .writing(move || {
            kept.write_heads(&heads)?;
            kept.clear_journal()
        })
        .await?;
    Ok(())
}
