//! `rewind`: decides what comes back, takes what is there now, and brings a checkpoint back.

use std::collections::BTreeMap;
use std::sync::Arc;

use cci_core::checkpoint::{Cause, CheckpointId, Node, Pool, Tree};
use cci_core::session::SessionId;
use cci_core::slot::SlotChoice;
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use cci_git::Store;

use super::bring_back::{self, Back, InTheWay};
use super::cost;
use super::opened::{self, Opened};
use super::record;
use super::root::{self, Copied};
use super::roots;
use super::running_agent;
use super::subject::{self, Subject};
use super::take::{self, Last};
use super::wanted::Wanted;
use super::watch::Watch;
use super::{contents, files};
use crate::blocking::blocking;
use crate::context::Context;
use crate::event::CheckpointEvent;
use crate::instance::init::Init;
use crate::instance::ownership::Owned;
use cci_host::store::checkpoints::{Journal, Part};

/// What a rewind will do.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Where it leads.
    pub to: Node,
    /// What comes back.
    pub parts: Vec<Part>,
    /// What was not chosen away and cannot come back, and why.
    pub missing: Vec<(Part, &'static str)>,
    /// The container that is ended and replaced, if there is one.
    pub container: Option<String>,
    /// Whether it runs.
    pub runs: bool,
    /// Whether its agent may have been given variables on the command line.
    pub was_given: bool,
    /// Other running containers that work on the same files.
    pub others: Vec<String>,
}

/// What a rewind has done.
#[derive(Debug, Clone)]
pub struct Rewound {
    /// The checkpoint that was brought back.
    pub to: CheckpointId,
    /// The one that brings back what was there before.
    pub from: CheckpointId,
    /// What came back.
    pub parts: Vec<Part>,
    /// How many files of the workspace differed.
    pub files: u64,
    /// The container that runs now, with the conversation that was resumed in it.
    pub running: Option<(String, SessionId)>,
}

/// Decides what a rewind to `given` does; changes nothing.
pub async fn plan(cx: &Context, given: &str, slot: SlotChoice, only: &[Part]) -> Result<Planned> {
    let (nodes, heads) = opened::read(cx).await?;
    let containers = subject::containers(cx).await?;
    let here = subject::among(cx, containers.clone(), slot).await?;
    let session = here.session_id();
    let head = heads.nearest(session, &cx.workspace);
    let to = opened::resolved(&nodes, given, head)?.clone();
    refuse_elsewhere(cx, &to)?;
    let subject = subject_of(cx, &to, containers.clone(), here).await?;
    let (parts, missing) = parts(cx, &to, only).await?;
    let container = subject.container.as_ref().map(|owned| owned.instance.name.clone());
    let others = containers.into_iter().filter(Owned::runs);
    let others = others.map(|owned| owned.instance.name).filter(|name| Some(name) != container.as_ref()).collect();
    let was_given = running_agent::was_given(&subject);
    Ok(Planned { to, parts, missing, container, runs: subject.runs(), was_given, others })
}

/// How many files of the workspace differ from what a rewind brings back.
pub async fn differing(cx: &Context, planned: &Planned) -> Result<u64> {
    if planned.parts.contains(&Part::Workspace) { files::differing(cx, &planned.to).await } else { Ok(0) }
}

/// Rewinds as planned. What is there now is taken first, so that the rewind can be taken back.
pub async fn rewind(cx: &Context, planned: &Planned, slot: SlotChoice) -> Result<Rewound> {
    let mut opened = Opened::of(cx).await?;
    opened.wanted.insert(planned.to.id.clone());
    let wanted = Wanted::because(Cause::BeforeRewind);
    let found = async {
        let containers = subject::containers(cx).await?;
        let here = subject::among(cx, containers.clone(), slot).await?;
        let subject = subject_of(cx, &planned.to, containers, here).await?;
        let (pool, (), ()) = tokio::try_join!(
            cost::tell_once(cx, &opened, &subject),
            refuse_unreadable(&opened, &planned.to, &planned.parts),
            bring_back::refuse_unfit(cx, &planned.parts, &subject),
        )?;
        let prepared = match pool {
            Pool::CopyOnWrite if ends_container(planned) => {
                Some(take::prepare_last(cx, &opened, &subject, &wanted).await?)
            }
            // where it goes on, and where a copy takes so long that nothing in it would answer, only what has changed is taken
            _ => None,
        };
        Ok((subject, prepared))
    };
    // a command in the container takes as long to begin as all of that
    let (found, told, watch) = tokio::join!(found, told(cx, planned), watch(cx, planned));
    let ((subject, prepared), told) = (found?, told?);
    // another container may have taken its place since the plan
    let environment = match subject.container.as_ref().map(|owned| &owned.instance.name) {
        name if name == planned.container.as_ref()
            && (subject.runs(), running_agent::was_given(&subject)) == (planned.runs, planned.was_given) =>
        {
            running_agent::allowed(cx, &subject, told)
        }
        _ => running_agent::environment(cx, &subject).await?,
    };
    let taken = async {
        match prepared {
            Some(prepared) => take::take_last(cx, &mut opened, &subject, &wanted, prepared, watch?).await,
            None => take::take_of(cx, &mut opened, &subject, &wanted, None).await.map(Last::from),
        }
    };
    let (taken, init) = tokio::join!(taken, init(cx, planned));
    let Last { node: before, copy, standing } = taken?;
    let journal = Journal {
        to: planned.to.id.clone(),
        from: before.id,
        parts: planned.parts.clone(),
        session: planned.to.session.or(subject.session_id()),
        container: subject.container.as_ref().map(|owned| owned.instance.name.clone()),
    };
    let ended = Some(InTheWay { subject, environment, standing, init });
    opened.wanted.insert(journal.from.clone());
    let (rewound, ()) = tokio::join!(begin(cx, &mut opened, &journal, ended), seal(cx, copy));
    let rewound = rewound?;
    if let Err(error) = record::tidied(cx, &mut opened).await {
        cx.emit(CheckpointEvent::NotRemoved(error));
    }
    Ok(rewound)
}

/// Whether the container is ended that runs.
fn ends_container(planned: &Planned) -> bool {
    planned.runs && planned.parts.contains(&Part::Container)
}

/// Refuses a checkpoint whose files cannot be brought back, while nothing has been ended.
pub(crate) async fn refuse_unreadable(opened: &Opened, to: &Node, parts: &[Part]) -> Result<()> {
    let Some(tree) = to.tree.as_ref().filter(|_| parts.contains(&Part::Workspace)) else { return Ok(()) };
    let current = opened.heads.nearest(to.session, &Workspace::at(&to.workspace)).and_then(|id| opened.nodes.get(id));
    let beside = current.filter(|node| node.id != to.id).and_then(|node| node.tree.as_ref());
    let beside = beside.map(|tree| contents::snapshot(&tree.tree, &tree.stat)).transpose()?;
    let (store, tree) = (Arc::clone(&opened.store), contents::snapshot(&tree.tree, &tree.stat)?);
    blocking(move || store.read_directories(&tree, beside.as_ref()).map_err(contents::failed)).await
}

/// What the container that is ended says that its agent was given.
async fn told(cx: &Context, planned: &Planned) -> Result<BTreeMap<String, String>> {
    match planned.container.as_ref().filter(|_| planned.runs && planned.was_given) {
        Some(name) => running_agent::told(cx, name).await,
        None => Ok(BTreeMap::new()),
    }
}

/// What makes the container that is ended stand still.
async fn watch(cx: &Context, planned: &Planned) -> Result<Option<Watch>> {
    match planned.container.as_ref().filter(|_| ends_container(planned)) {
        Some(name) => Watch::open(cx, name).await,
        None => Ok(None),
    }
}

/// The first process of the container that is ended.
async fn init(cx: &Context, planned: &Planned) -> Option<Init> {
    match planned.container.as_ref().filter(|_| ends_container(planned)) {
        Some(name) => Init::of(cx, name).await,
        None => None,
    }
}

/// Seals the copy of what is ended; one that could not be is a checkpoint all the same.
async fn seal(cx: &Context, copy: Option<Copied>) {
    if let Some(copy) = copy
        && let Err(error) = root::sealed(copy).await
    {
        cx.emit(CheckpointEvent::NotSealed(error));
    }
}

/// Notes what is going to be brought back, so that it can be completed or taken back, and brings it back.
pub(crate) async fn begin(
    cx: &Context,
    opened: &mut Opened,
    journal: &Journal,
    ended: Option<InTheWay>,
) -> Result<Rewound> {
    let node = recorded(opened, &journal.to)?;
    let (kept, written) = (opened.kept.clone(), journal.clone());
    cx.scope.writing(move || kept.write_journal(&written)).await?;
    end(cx, opened, journal, &node, ended).await
}

/// Completes a rewind that was interrupted.
pub async fn resume(cx: &Context) -> Result<Rewound> {
    finish(cx, Back::To).await
}

/// Takes back a rewind that was interrupted.
pub async fn abort(cx: &Context) -> Result<Rewound> {
    finish(cx, Back::From).await
}

async fn finish(cx: &Context, back: Back) -> Result<Rewound> {
    let mut opened = Opened::despite_journal(cx).await?;
    let journal = opened.kept.journal()?.ok_or(Error::NoRewind)?;
    let node = recorded(&opened, if back == Back::To { &journal.to } else { &journal.from })?;
    end(cx, &mut opened, &journal, &node, None).await
}

/// Brings back what the journal says; what is in the way is looked for if it is not known yet.
async fn end(
    cx: &Context,
    opened: &mut Opened,
    journal: &Journal,
    node: &Node,
    ended: Option<InTheWay>,
) -> Result<Rewound> {
    let begun = Begun { cx, is_complete: false };
    let files = differing_between(Arc::clone(&opened.store), before(opened, journal), journal, node);
    let (running, files) = tokio::join!(bring_back::bring_back(cx, opened, journal, node, ended), files);
    let running = running?;
    begun.complete();
    // to count them is no reason not to bring them back
    let files = files.unwrap_or_default();
    let (to, from) = (node.id.clone(), journal.from.clone());
    Ok(Rewound { to, from, parts: journal.parts.clone(), files, running })
}

fn recorded(opened: &Opened, id: &CheckpointId) -> Result<Node> {
    opened.nodes.get(id).cloned().ok_or_else(|| Error::CheckpointIncomplete {
        id: id.clone(),
        part: "record",
        problem: "it was removed".into(),
    })
}

/// The files of the workspace before the rewind: they are in the checkpoint that takes it back.
fn before(opened: &Opened, journal: &Journal) -> Option<Tree> {
    opened.nodes.get(&journal.from).and_then(|node| node.tree.clone())
}

/// How many files of the workspace are brought back.
async fn differing_between(store: Arc<Store>, before: Option<Tree>, journal: &Journal, to: &Node) -> Result<u64> {
    match to.tree.as_ref().filter(|_| journal.parts.contains(&Part::Workspace)) {
        Some(tree) => contents::changed_between(&store, before.as_ref(), tree).await,
        None => Ok(0),
    }
}

/// A rewind that has begun: one that fails or is cancelled waits for its end, which is told.
struct Begun<'a> {
    cx: &'a Context,
    is_complete: bool,
}

impl Begun<'_> {
    fn complete(mut self) {
        self.is_complete = true;
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if !self.is_complete {
            self.cx.emit(CheckpointEvent::RewindUnfinished);
        }
    }
}

/// The container whose conversation the checkpoint has, else the one that was chosen.
async fn subject_of(cx: &Context, to: &Node, containers: Vec<Owned>, here: Subject) -> Result<Subject> {
    if let Some(session) = to.session {
        let of_session = subject::of_session_among(cx, containers, session).await?;
        if of_session.container.is_some() || here.is_nothing() {
            return Ok(of_session);
        }
    }
    Ok(here)
}

/// Which parts come back, and which cannot.
pub(crate) async fn parts(cx: &Context, to: &Node, only: &[Part]) -> Result<(Vec<Part>, Vec<(Part, &'static str)>)> {
    let (mut parts, mut missing) = (Vec::new(), Vec::new());
    for part in Part::ALL {
        if !only.is_empty() && !only.contains(&part) {
            continue;
        }
        match lacks(cx, to, part).await? {
            None => parts.push(part),
            Some(why) if only.is_empty() => missing.push((part, why)),
            Some(why) => {
                let problem = why.to_owned();
                return Err(Error::CheckpointIncomplete { id: to.id.clone(), part: part.word(), problem });
            }
        }
    }
    Ok((parts, missing))
}

/// Why a part cannot come back.
async fn lacks(cx: &Context, to: &Node, part: Part) -> Result<Option<&'static str>> {
    Ok(match part {
        Part::Workspace if to.tree.is_none() => Some("it was not taken"),
        Part::Conversation if to.talk.is_none() => Some("there was none"),
        Part::Container => match &to.root {
            None => Some(if to.container.is_none() {
                "there was none when the checkpoint was taken"
            } else {
                "it ended while the checkpoint was taken, or its storage pool copies in full: automatic checkpoints then leave it out"
            }),
            Some(root) if !roots::exists(cx, root).await? => Some("its copy was removed"),
            Some(_) if to.session.is_none() => Some("no agent ran in it"),
            Some(_) => None,
        },
        _ => None,
    })
}

/// A checkpoint of a fork, or of the origin of this one, is adopted and not rewound to.
fn refuse_elsewhere(cx: &Context, to: &Node) -> Result<()> {
    if to.workspace == cx.workspace.path() {
        return Ok(());
    }
    Err(Error::Usage {
        problem: format!("checkpoint {} is one of workspace {}", to.id, contents::shown(&to.workspace)),
        hint: Some(format!(
            "use `cci rewind --workspace {} {}`, or `cci adopt` to take over a fork",
            contents::shown(&to.workspace),
            to.id
        )),
    })
}
