//! Removes the checkpoints that are no longer kept, with all that only they hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cci_core::Result;
use cci_core::checkpoint::{CheckpointId, Keep, Node, expendable, nearest_left};
use cci_core::settings::CheckpointSettings;
use jiff::{SignedDuration, Timestamp};

use super::contents;
use super::opened::{Opened, noted};
use super::review::begin;
use super::roots;
use crate::context::Context;
use crate::event::CheckpointEvent;
use cci_host::store::checkpoints::{Checkpoints, Heads};

/// Removes those beyond the number and the age that the settings keep.
pub(crate) async fn thin(cx: &Context, opened: &mut Opened) -> Result<()> {
    let keep = keep(&cx.settings.checkpoints);
    // a store is cleaned up as a whole, so not for each single one
    let over = opened.nodes.len().saturating_sub(keep.most);
    let oldest = opened.nodes.values().map(|node| node.at.as_str()).min().unwrap_or_default();
    if over <= keep.most / 10 && oldest >= keep.since.as_str() {
        return Ok(());
    }
    let mut spared = spared(&opened.kept, &opened.heads)?;
    spared.extend(opened.wanted.iter().cloned());
    spared.extend(begins(&opened.nodes, &opened.heads, &keep));
    let gone = expendable(&opened.nodes, &keep, &spared);
    if gone.is_empty() {
        return Ok(());
    }
    remove(cx, opened, &gone).await
}

/// What the settings keep.
pub(crate) fn keep(settings: &CheckpointSettings) -> Keep {
    let age = i64::try_from(settings.keep_for_seconds()).unwrap_or(i64::MAX);
    let since = Timestamp::now().checked_sub(SignedDuration::from_secs(age)).unwrap_or(Timestamp::UNIX_EPOCH);
    Keep { most: usize::try_from(settings.keep).unwrap_or(usize::MAX), since: noted(since) }
}

/// The current ones, those that an interrupted rewind needs, and those that forks are compared with.
pub(crate) fn spared(kept: &Checkpoints, heads: &Heads) -> Result<BTreeSet<CheckpointId>> {
    let current = heads.sessions.values().chain(heads.workspaces.values()).cloned();
    let (journal, forked) = (kept.journal()?, kept.forked()?);
    Ok(current.chain(forked).chain(journal.into_iter().flat_map(|journal| [journal.to, journal.from])).collect())
}

/// The first ones of the sessions that were active lately: a review compares with them, however many came since.
pub(crate) fn begins(nodes: &BTreeMap<CheckpointId, Node>, heads: &Heads, keep: &Keep) -> Vec<CheckpointId> {
    let heads = heads.sessions.values().filter_map(|id| nodes.get(id)).filter(|head| head.at >= keep.since);
    heads.filter_map(|head| begin::of(nodes, head.session, &head.workspace)).map(|first| first.id.clone()).collect()
}

/// Removes these: the records first, then what only they held.
pub(crate) async fn remove(cx: &Context, opened: &mut Opened, gone: &[CheckpointId]) -> Result<()> {
    let set: BTreeSet<CheckpointId> = gone.iter().cloned().collect();
    let removed: Vec<Node> = gone.iter().filter_map(|id| opened.nodes.get(id)).cloned().collect();
    let left = opened.nodes.values().filter(|node| !set.contains(&node.id));
    let moved: Vec<Node> = left
        .filter_map(|node| {
            let parent = nearest_left(node.parent.as_ref(), &opened.nodes, &set).cloned();
            (parent != node.parent).then(|| Node { parent, ..node.clone() })
        })
        .collect();
    let (kept, children, ids) = (opened.kept.clone(), moved.clone(), gone.to_vec());
    cx.scope
        .writing(move || {
            children.iter().try_for_each(|node| kept.write(node))?;
            ids.iter().try_for_each(|id| kept.remove(id))
        })
        .await?;
    opened.nodes.extend(moved.into_iter().map(|node| (node.id.clone(), node)));
    opened.nodes.retain(|id, _| !set.contains(id));
    for root in removed.iter().filter_map(|node| node.root.as_ref()) {
        if let Err(error) = roots::remove(cx, root).await {
            cx.emit(CheckpointEvent::NotRemoved(error));
        }
    }
    if !opened.is_complete {
        return Ok(());
    }
    let (store, nodes) = (Arc::clone(&opened.store), opened.nodes.values().cloned().collect::<Vec<_>>());
    cx.scope.writing(move || contents::prune(&store, &nodes)).await
}
