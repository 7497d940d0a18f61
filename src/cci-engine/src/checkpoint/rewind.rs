//! `rewind`: decides what comes back, takes what is there now, and brings a checkpoint back.

use cci_core::checkpoint::{Cause, CheckpointId, Node, Pool};
use cci_core::session::SessionId;
use cci_core::slot::SlotChoice;
use cci_core::{Error, Result};

use super::bring_back::{self, Back, InTheWay};
use super::cost;
use super::opened::{self, Opened};
use super::root::{self, Copied};
use super::roots;
use super::running_agent;
use super::subject::{self, Subject};
use super::take;
use super::wanted::Wanted;
use super::{contents, files};
use crate::context::Context;
use crate::event::CheckpointEvent;
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
    Ok(Planned { to, parts, missing, container, others })
}

/// How many files of the workspace differ from what a rewind brings back.
pub async fn differing(cx: &Context, planned: &Planned) -> Result<u64> {
    if planned.parts.contains(&Part::Workspace) { files::differing(cx, &planned.to).await } else { Ok(0) }
}

/// Rewinds as planned. What is there now is taken first, so that the rewind can be taken back.
pub async fn rewind(cx: &Context, planned: &Planned, slot: SlotChoice) -> Result<Rewound> {
    let containers = subject::containers(cx).await?;
    let here = subject::among(cx, containers.clone(), slot).await?;
    let subject = subject_of(cx, &planned.to, containers, here).await?;
    let mut opened = Opened::of(cx).await?;
    opened.wanted.insert(planned.to.id.clone());
    let wanted = Wanted::because(Cause::BeforeRewind);
    let copies = cost::tell_once(cx, &opened, &subject).await?;
    let (before, environment) = match copies {
        Pool::CopyOnWrite => {
            let taken = take::take_last(cx, &mut opened, &subject, &wanted);
            tokio::join!(taken, running_agent::environment(cx, &subject))
        }
        // while it is copied nothing in it answers, and none is made that is not needed
        Pool::Full => {
            let environment = running_agent::environment(cx, &subject).await;
            let taken = take::take_of(cx, &mut opened, &subject, &wanted, None).await;
            (taken.map(|taken| (taken, None)), environment)
        }
    };
    let ((before, copy), environment) = (before?, environment?);
    let journal = Journal {
        to: planned.to.id.clone(),
        from: before.node.id,
        parts: planned.parts.clone(),
        session: planned.to.session.or(subject.session_id()),
        container: subject.container.as_ref().map(|owned| owned.instance.name.clone()),
    };
    let ended = Some(InTheWay { subject, environment });
    let (rewound, ()) = tokio::join!(begin(cx, &mut opened, &journal, ended), seal(cx, copy));
    rewound
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
    // what cannot be brought back is refused while nothing has been ended
    let node = recorded(opened, &journal.to)?;
    let files = differing_between(opened, journal, &node).await?;
    let (kept, written) = (opened.kept.clone(), journal.clone());
    cx.scope.writing(move || kept.write_journal(&written)).await?;
    end(cx, opened, journal, &node, files, ended).await
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
    // to count them is no reason not to bring them back
    let files = differing_between(&opened, &journal, &node).await.unwrap_or_default();
    end(cx, &mut opened, &journal, &node, files, None).await
}

/// Brings back what the journal says; what is in the way is looked for if it is not known yet.
async fn end(
    cx: &Context,
    opened: &mut Opened,
    journal: &Journal,
    node: &Node,
    files: u64,
    ended: Option<InTheWay>,
) -> Result<Rewound> {
    let begun = Begun { cx, is_complete: false };
    let running = bring_back::bring_back(cx, opened, journal, node, ended).await?;
    begun.complete();
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

/// How many files of the workspace are brought back: what was there before is in the checkpoint that takes it back.
async fn differing_between(opened: &Opened, journal: &Journal, to: &Node) -> Result<u64> {
    let before = opened.nodes.get(&journal.from).and_then(|node| node.tree.as_ref());
    match to.tree.as_ref().filter(|_| journal.parts.contains(&Part::Workspace)) {
        Some(tree) => contents::changed_between(&opened.store, before, tree).await,
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
                "it ended while the checkpoint was taken, or its storage pool copies in full, which is done by hand only"
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
