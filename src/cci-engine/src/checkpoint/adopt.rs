//! `adopt`: makes a workspace, its conversation and its container what those of a fork are.

use cci_core::checkpoint::{Cause, CheckpointId};
use cci_core::session::SessionId;
use cci_core::slot::SlotChoice;
use cci_core::{Error, Result};

use super::bring_back;
use super::contents;
use super::cost;
use super::forks;
use super::opened::Opened;
use super::rewind::{self, Rewound};
use super::subject;
use super::take;
use super::wanted::Wanted;
use crate::context::Context;
use crate::launch;
use cci_host::store::checkpoints::{Checkpoints, Journal, Origin, Part};

/// What was adopted.
#[derive(Debug, Clone)]
pub struct Adopted {
    /// The fork.
    pub fork: String,
    /// The checkpoint of the fork that the workspace is now at.
    pub checkpoint: CheckpointId,
    /// The one that brings back what was there before.
    pub from: CheckpointId,
    /// What was adopted.
    pub parts: Vec<Part>,
    /// What could not be, and why.
    pub missing: Vec<(Part, &'static str)>,
    /// The container that runs now, with the conversation that was resumed in it.
    pub running: Option<(String, SessionId)>,
}

/// The fork that is meant: one of this workspace.
pub async fn meant(cx: &Context, given: &str) -> Result<Origin> {
    if let Some(origin) = Checkpoints::origin_of(&cx.cci_dir(), &cx.workspace)? {
        let origin = contents::shown(&origin.workspace);
        return Err(Error::Usage {
            problem: format!("this workspace is a fork of {origin}, which alone can adopt"),
            hint: Some(format!("use `cci adopt --workspace {origin} {given}`")),
        });
    }
    let mut meant = forks::chosen(cx, &[given.to_owned()]).await?;
    meant.pop().ok_or_else(|| Error::ForkNotFound { given: given.to_owned(), near: Vec::new() })
}

/// Adopts a fork, which stays as it is. What is there now is taken first, so that one rewind brings it back.
pub async fn adopt(cx: &Context, fork: &Origin, slot: SlotChoice) -> Result<Adopted> {
    let of_fork = forks::context(cx, fork);
    let theirs = subject::find(&of_fork, SlotChoice::Auto).await?;
    let here = subject::find(cx, slot).await?;
    let mut opened = Opened::of(cx).await?;
    cost::tell_once(&of_fork, &opened, &theirs).await?;
    let wanted = Wanted::because(Cause::Adopted);
    let to = take::take_of(&of_fork, &mut opened, &theirs, &wanted, None).await?.node;
    let wanted = Wanted::because(Cause::BeforeAdopt);
    let before = take::take_of(cx, &mut opened, &here, &wanted, None).await?.node;
    let (parts, missing) = rewind::parts(cx, &to, &[]).await?;
    let journal = Journal {
        to: to.id.clone(),
        from: before.id,
        // where there is no conversation, one is made of the fork's
        session: here.session_id().or_else(|| to.talk.as_ref().map(|_| launch::new_session_id())),
        container: here.container.as_ref().map(|owned| owned.instance.name.clone()),
        parts,
    };
    rewind::refuse_unreadable(&opened, &to, &journal.parts).await?;
    bring_back::refuse_unfit(cx, &journal.parts, &here).await?;
    let Rewound { to: checkpoint, from, parts, running, .. } = rewind::begin(cx, &mut opened, &journal, None).await?;
    Ok(Adopted { fork: forks::name(fork), checkpoint, from, parts, missing, running })
}
