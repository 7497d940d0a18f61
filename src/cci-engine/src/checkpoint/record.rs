//! The record of a checkpoint, and the step that makes it the current one.

use std::sync::Arc;

use cci_core::Result;
use cci_core::checkpoint::{CheckpointId, Node, Talk};
use cci_core::slot::Slot;
use serde_json::Map;

use super::contents;
use super::opened::Opened;
use super::seen::Seen;
use super::subject::Subject;
use super::thin;
use super::wanted::Wanted;
use crate::blocking::blocking;
use crate::context::Context;
use crate::launch;

/// The record of what was seen, but for the container.
pub(super) async fn record(
    cx: &Context,
    opened: &Opened,
    subject: &Subject,
    wanted: &Wanted,
    id: CheckpointId,
    seen: &Seen,
) -> Result<Node> {
    let session = subject.session_id();
    let parent = opened.heads.nearest(session, &cx.workspace);
    let parent = parent.filter(|id| opened.nodes.contains_key(*id)).cloned();
    let tree = contents::tree(&seen.workspace);
    let before = parent.as_ref().and_then(|id| opened.nodes.get(id)).and_then(|node| node.tree.clone());
    let files_changed = contents::changed_between(&opened.store, before.as_ref(), &tree).await?;
    let transcript = match session {
        Some(id) => {
            let store = launch::store(cx);
            blocking(move || Ok(store.newest_transcript(id))).await?.map(|found| found.id)
        }
        None => None,
    };
    let talk = seen.conversation.as_ref().map(|seen| Talk {
        tree: seen.snapshot.tree.to_string(),
        stat: seen.snapshot.stat.to_string(),
        transcript,
    });
    let container = subject.container.as_ref();
    let noted = subject.session.as_ref().map(|saved| &saved.metadata);
    Ok(Node {
        id,
        parent,
        at: String::new(),
        cause: wanted.cause,
        workspace: cx.workspace.path().to_owned(),
        session,
        slot: subject.slot().map(Slot::number),
        agent: session.map(|_| cx.settings.tool.name.clone()),
        container: container.map(|owned| owned.instance.name.clone()),
        persistent: container
            .map_or_else(|| noted.is_some_and(|metadata| metadata.persistent), |owned| !owned.instance.ephemeral),
        prompt: wanted.prompt.clone(),
        message: wanted.message.clone(),
        files_changed,
        tree: Some(tree),
        talk,
        root: None,
        git: seen.git.clone(),
        not_held: contents::not_held(&seen.workspace),
        further: Map::new(),
    })
}

/// Makes the record the current checkpoint.
pub(super) async fn publish(cx: &Context, opened: &mut Opened, subject: &Subject, node: &Node) -> Result<()> {
    opened.heads.set(subject.session_id(), &cx.workspace, &node.id);
    let (kept, heads, written) = (opened.kept.clone(), opened.heads.clone(), node.clone());
    cx.scope
        .writing(move || {
            kept.write(&written)?;
            kept.write_heads(&heads)
        })
        .await?;
    opened.nodes.insert(node.id.clone(), node.clone());
    Ok(())
}

/// Removes the checkpoints that are no longer kept, and merges what is in many small files of the store.
pub(super) async fn tidied(cx: &Context, opened: &mut Opened) -> Result<()> {
    thin::thin(cx, opened).await?;
    consolidated(cx, opened).await
}

/// Merges what is in many small files of the store.
pub(super) async fn consolidated(cx: &Context, opened: &Opened) -> Result<()> {
    let store = Arc::clone(&opened.store);
    cx.scope.writing(move || store.consolidate().map_err(contents::failed)).await
}
