//! The checkpoints of a workspace, opened to be changed by one command at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cci_core::checkpoint::{CheckpointId, Node, Reference, Unresolved, resolve};
use cci_core::{Error, Result};
use cci_git::Store;
use jiff::Timestamp;
use uuid::Uuid;

use super::contents;
use crate::blocking::blocking;
use crate::context::Context;
use crate::event::CheckpointEvent;
use cci_host::store::checkpoints::{Checkpoints, Heads, Lock, Records};

/// The checkpoints of the workspace of a call, locked.
pub(crate) struct Opened {
    /// Their directory.
    pub(crate) kept: Checkpoints,
    /// Their contents.
    pub(crate) store: Arc<Store>,
    /// Their records.
    pub(crate) nodes: BTreeMap<CheckpointId, Node>,
    /// Whether every record could be read; what the others name is not known, and must not be removed.
    pub(crate) is_complete: bool,
    /// Which are current.
    pub(crate) heads: Heads,
    /// Which this call is about to bring back, so that they are not removed before.
    pub(crate) wanted: BTreeSet<CheckpointId>,
    _lock: Lock,
}

impl Opened {
    /// Opens them, once nobody else changes them; refused while an interrupted rewind waits for its end.
    pub(crate) async fn of(cx: &Context) -> Result<Self> {
        let opened = Self::despite_journal(cx).await?;
        match opened.kept.journal()? {
            Some(journal) => Err(Error::RewindUnfinished { to: journal.to }),
            None => Ok(opened),
        }
    }

    /// The same, to end an interrupted rewind.
    pub(crate) async fn despite_journal(cx: &Context) -> Result<Self> {
        Self::at(cx, Checkpoints::of(&cx.cci_dir(), &cx.workspace)?).await
    }

    /// Opens those in a directory, whatever they wait for.
    pub(crate) async fn at(cx: &Context, kept: Checkpoints) -> Result<Self> {
        let opened = cx.scope.until_cancelled(blocking(move || {
            let lock = kept.lock()?;
            kept.sweep()?;
            let (records, heads) = (kept.records()?, kept.heads()?);
            let store = Arc::new(contents::store(&kept)?);
            store.sweep().map_err(contents::failed)?;
            let is_complete = records.damaged.is_empty();
            let wanted = BTreeSet::new();
            Ok((Self { kept, store, nodes: records.nodes, is_complete, heads, wanted, _lock: lock }, records.damaged))
        }));
        let (opened, damaged) = opened.await?;
        report_damaged(cx, damaged);
        Ok(opened)
    }

    /// The checkpoint that a person means.
    pub(crate) fn resolve(&self, given: &str, head: Option<&CheckpointId>) -> Result<Node> {
        resolved(&self.nodes, given, head).cloned()
    }

    /// An id that no checkpoint has.
    pub(crate) fn unused_id(&self) -> CheckpointId {
        loop {
            let (random, _) = Uuid::new_v4().as_u64_pair();
            let id = CheckpointId::from_random(random);
            if !self.nodes.contains_key(&id) {
                return id;
            }
        }
    }
}

/// The records of a workspace and which are current, to be read only.
pub(crate) async fn read(cx: &Context) -> Result<(BTreeMap<CheckpointId, Node>, Heads)> {
    let kept = Checkpoints::of(&cx.cci_dir(), &cx.workspace)?;
    let (Records { nodes, damaged }, heads) = blocking(move || Ok((kept.records()?, kept.heads()?))).await?;
    report_damaged(cx, damaged);
    Ok((nodes, heads))
}

fn report_damaged(cx: &Context, damaged: BTreeMap<CheckpointId, Error>) {
    for problem in damaged.into_values() {
        cx.emit(CheckpointEvent::Damaged(problem));
    }
}

/// The checkpoint that a person means among these.
pub(crate) fn resolved<'a>(
    nodes: &'a BTreeMap<CheckpointId, Node>,
    given: &str,
    head: Option<&CheckpointId>,
) -> Result<&'a Node> {
    let reference = Reference::parse(given).map_err(Error::usage)?;
    resolve(&reference, nodes, head).map_err(|why| {
        let (problem, near) = match why {
            Unresolved::Unknown(near) => ("this workspace has none with such an id".to_owned(), near),
            Unresolved::Ambiguous(several) => ("several ids begin like this".to_owned(), several),
            Unresolved::TooFar(steps) => (format!("there are only {steps} before the current one"), Vec::new()),
            Unresolved::NoHead => ("this workspace has no current checkpoint".to_owned(), Vec::new()),
        };
        Error::CheckpointNotFound { given: given.to_owned(), problem, near }
    })
}

/// A time as records have it: RFC 3339, UTC, microseconds, so that they can be compared as text.
pub(crate) fn noted(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// Now, as records have it.
pub(crate) fn now() -> String {
    noted(Timestamp::now())
}
