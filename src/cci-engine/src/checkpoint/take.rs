//! `checkpoint`: takes the container, the workspace and the conversation at one instant.

use cci_core::checkpoint::{CheckpointId, Linked, Node};
use cci_core::slot::SlotChoice;
use cci_core::{Error, Result};
use cci_guest::standstill::RootState;
use cci_host::store::checkpoints::Settled;
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::contents;
use super::moment::{Moment, halted, root_of, stilled};
use super::opened::{Opened, noted};
use super::record::{publish, record, tidied};
use super::root::{self, Copied};
use super::roots;
use super::seen::{Places, Seen, captured, seen};
use super::subject::{self, Subject};
use super::wanted::Wanted;
use super::watch::{Look, Standstill, Watch};
use crate::context::Context;
use crate::instance::ownership;
use crate::launch;
use crate::session::state_volume;

/// A checkpoint, and whether it was taken now: if nothing has changed, it is the current one.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The record.
    pub node: Node,
    /// Whether it was taken now.
    pub is_new: bool,
}

/// Is told when the instant of a checkpoint is over, so that what stands still can go on.
pub type Instant = Option<oneshot::Sender<()>>;

/// Takes a checkpoint of what is in a slot, or of the only session of the workspace.
pub async fn take(cx: &Context, slot: SlotChoice, wanted: &Wanted, instant: Instant) -> Result<Taken> {
    let subject = subject::find(cx, slot).await?;
    let mut opened = Opened::of(cx).await?;
    take_of(cx, &mut opened, &subject, wanted, instant).await
}

/// Takes a checkpoint of what is in a container of this workspace.
pub(crate) async fn take_in(cx: &Context, container: &str, wanted: Wanted) -> Result<Taken> {
    let subject = subject::of_container(cx, ownership::one(cx, container).await?).await?;
    let mut opened = Opened::of(cx).await?;
    take_of(cx, &mut opened, &subject, &wanted, None).await
}

/// Takes a checkpoint of a subject, unless nothing has changed.
pub(crate) async fn take_of(
    cx: &Context,
    opened: &mut Opened,
    subject: &Subject,
    wanted: &Wanted,
    instant: Instant,
) -> Result<Taken> {
    let places = places(cx, opened, subject).await?;
    // a command in the container takes as long to begin as a look at the files
    let (watch, files) = tokio::join!(watch(cx, subject), seen(&opened.store, &places));
    let (mut watch, files) = (watch?, files?);
    let current = current(cx, opened, subject).filter(|current| has_files(current, &files, wanted)).cloned();
    if let Some(current) = current.filter(|current| wanted.is_automatic() || holds_container(current, subject))
        && !has_container_changed(cx, opened, subject, &current, watch.as_mut()).await?
    {
        return Ok(Taken { node: current, is_new: false });
    }
    let id = opened.unused_id();
    let root = root_of(cx, subject, wanted, &id).await?;
    let mut moment = Moment::of(cx, opened, &places, root, stilled(watch)).await?;
    moment.over().await;
    // whoever waits for the instant goes on while the rest is done
    drop(instant);
    let state = moment.state.take();
    let copied = moment.copied.take();
    let kept = async {
        match copied {
            Some(copied) => root::kept(copied).await.map(Some),
            None => Ok(None),
        }
    };
    let recorded = async {
        moment.completed(cx, opened, &places).await?;
        record(cx, opened, subject, wanted, id, &moment.seen).await
    };
    let (root, node) = tokio::try_join!(kept, recorded)?;
    let node = Node { at: noted(moment.at), root, ..node };
    if let Some(state) = state.filter(|_| node.root.is_some()) {
        settle(opened, &node, &state);
    }
    publish(cx, opened, subject, &node).await?;
    tidied(cx, opened).await?;
    Ok(Taken { node, is_new: true })
}

/// The last checkpoint of a container that is ended next.
pub(crate) struct Last {
    pub(crate) node: Node,
    /// The copy of the container, which is to be sealed meanwhile.
    pub(crate) copy: Option<Copied>,
    /// The container, which has been standing still since.
    pub(crate) standing: Option<Standstill>,
}

impl From<Taken> for Last {
    fn from(Taken { node, .. }: Taken) -> Self {
        Self { node, copy: None, standing: None }
    }
}

/// What the last checkpoint of a container takes, found while nothing has to stand still yet.
pub(crate) struct Prepared {
    places: Places,
    id: CheckpointId,
    root: Option<root::Prepared>,
}

/// Prepares the last checkpoint of a container.
pub(crate) async fn prepare_last(
    cx: &Context,
    opened: &Opened,
    subject: &Subject,
    wanted: &Wanted,
) -> Result<Prepared> {
    let (places, id) = (places(cx, opened, subject).await?, opened.unused_id());
    let root = root_of(cx, subject, wanted, &id).await?;
    Ok(Prepared { places, id, root })
}

/// Takes a checkpoint of what is ended next. Nothing in the container goes on behind it, if that can be brought about: it
/// would be lost. What is no longer kept is left to be tidied.
///
/// Whether anything has changed is asked afterwards: to find out takes as long as the copy.
pub(crate) async fn take_last(
    cx: &Context,
    opened: &mut Opened,
    subject: &Subject,
    wanted: &Wanted,
    Prepared { places, id, root }: Prepared,
    watch: Option<Watch>,
) -> Result<Last> {
    let mut moment = Moment::of(cx, opened, &places, root, halted(watch)).await?;
    let current = current(cx, opened, subject).filter(|current| has_files(current, &moment.seen, wanted)).cloned();
    if let Some(current) = current.filter(|current| holds_container(current, subject)) {
        let mut watch = moment.over().await;
        if !has_container_changed(cx, opened, subject, &current, watch.as_mut()).await? {
            moment.renewed(opened, &places, watch).await?;
            if has_files(&current, &moment.seen, wanted) && removed(cx, &current, moment.copied.as_ref()).await? {
                return Ok(Last { node: current, copy: None, standing: moment.standing });
            }
        }
    }
    moment.completed(cx, opened, &places).await?;
    let node = record(cx, opened, subject, wanted, id, &moment.seen).await?;
    let node = Node { at: noted(moment.at), root: moment.copied.as_ref().map(Copied::root), ..node };
    publish(cx, opened, subject, &node).await?;
    Ok(Last { node, copy: moment.copied, standing: moment.standing })
}

/// Removes a copy that the current checkpoint has no use for; false if it is to be kept after all, because that one has
/// lost its own, or Incus does not remove it.
async fn removed(cx: &Context, current: &Node, copy: Option<&Copied>) -> Result<bool> {
    let Some(copy) = copy else { return Ok(true) };
    let has_its_own = match &current.root {
        Some(root) => roots::exists(cx, root).await?,
        None => false,
    };
    if !has_its_own {
        return Ok(false);
    }
    match roots::remove(cx, &copy.root()).await {
        Err(Error::Interrupted) => Err(Error::Interrupted),
        removed => Ok(removed.is_ok()),
    }
}

/// Where the files of a checkpoint are; the first look at a workspace takes long, so nothing waits for it.
async fn places(cx: &Context, opened: &Opened, subject: &Subject) -> Result<Places> {
    launch::usable(cx)?;
    if let Some(saved) = &subject.session {
        state_volume::brought_home(cx, saved).await;
    }
    let places = Places::of(cx, opened, subject).await?;
    if places.workspace.is_new() {
        captured(&opened.store, &places.workspace).await?;
    }
    Ok(places)
}

/// What sees whether the container has changed, and makes it stand still.
async fn watch(cx: &Context, subject: &Subject) -> Result<Option<Watch>> {
    match &subject.container {
        Some(owned) if owned.runs() => Watch::open(cx, &owned.instance.name).await,
        _ => Ok(None),
    }
}

/// The current checkpoint.
fn current<'a>(cx: &Context, opened: &'a Opened, subject: &Subject) -> Option<&'a Node> {
    opened.heads.of(subject.session_id(), &cx.workspace).and_then(|id| opened.nodes.get(id))
}

/// Whether a checkpoint holds the workspace and the conversation as they were seen.
fn has_files(node: &Node, files: &Seen, wanted: &Wanted) -> bool {
    let same_files = node.tree.as_ref() == Some(&contents::tree(&files.workspace));
    let said = files.conversation.as_ref().map(|seen| (seen.snapshot.tree.to_string(), seen.snapshot.stat.to_string()));
    let noted = node.talk.as_ref().map(|talk| (talk.tree.clone(), talk.stat.clone()));
    let same_talk = wanted.is_automatic() || said == noted;
    // when git last looked at the files is no change
    let content = |git: &Linked| (git.tree.clone(), git.commit.clone());
    let same_git = node.git.as_ref().map(content) == files.git.as_ref().map(content);
    same_files && same_git && same_talk
}

/// Whether a checkpoint holds the container, if there is one: an automatic one does not where the pool copies in full.
fn holds_container(node: &Node, subject: &Subject) -> bool {
    subject.container.is_none() || node.root.is_some()
}

/// Whether the container may differ from what a checkpoint holds of it.
async fn has_container_changed(
    cx: &Context,
    opened: &mut Opened,
    subject: &Subject,
    current: &Node,
    watch: Option<&mut Watch>,
) -> Result<bool> {
    // the one that it holds has ended since
    let Some(owned) = &subject.container else { return Ok(current.root.is_some()) };
    let container = &owned.instance.name;
    let rewound = opened.heads.rewound.get(container).filter(|at| **at > current.at);
    let since = rewound.unwrap_or(&current.at).parse().unwrap_or(Timestamp::UNIX_EPOCH);
    // one that does not answer, or is stopped, may have changed
    let Some(watch) = watch.filter(|_| current.container.as_ref() == Some(container)) else { return Ok(true) };
    let known = opened.heads.settled.get(container).filter(|settled| settled.checkpoint == current.id);
    let known = known.and_then(|settled| RootState::parse(&settled.state));
    match watch.look(cx, since, known.clone()).await {
        Err(Error::Interrupted) => Err(Error::Interrupted),
        Ok(Look::Same(state)) => {
            if let Some(state) = state.filter(|_| current.root.is_some())
                && Some(&state) != known.as_ref()
            {
                settle(opened, current, &state);
                let (kept, heads) = (opened.kept.clone(), opened.heads.clone());
                cx.scope.writing(move || kept.write_heads(&heads)).await?;
            }
            Ok(false)
        }
        Ok(Look::Changed) | Err(_) => Ok(true),
    }
}

/// Notes what a container's root file system is while a checkpoint holds all of it: then no file has to be looked at to
/// find out that nothing has changed.
fn settle(opened: &mut Opened, node: &Node, state: &RootState) {
    let Some(container) = node.container.clone() else { return };
    let nodes = &opened.nodes;
    opened.heads.settled.retain(|_, settled| nodes.contains_key(&settled.checkpoint));
    let settled = Settled { checkpoint: node.id.clone(), state: state.as_str().to_owned() };
    opened.heads.settled.insert(container, settled);
}
