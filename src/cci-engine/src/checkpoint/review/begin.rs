//! Whose work is reviewed, and which checkpoint it began at.

use std::collections::BTreeMap;
use std::path::Path;

use cci_core::checkpoint::{Cause, CheckpointId, Node};
use cci_core::name::ContainerName;
use cci_core::session::SessionId;
use cci_core::slot::Slot;
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use cci_host::store::sessions::Saved;

use crate::blocking::blocking;
use crate::context::Context;
use crate::launch;
use crate::session::{record, resume};

/// Whose work is meant.
#[derive(Debug, Clone)]
pub enum Whose {
    /// That of the session of this workspace that was active last.
    Latest,
    /// That of the session that was in this slot of the workspace last.
    Slot(Slot),
    /// That of the session in a container of this name, which can be gone.
    Container(String),
}

/// A session and its workspace.
pub(super) struct Meant {
    pub(super) workspace: Workspace,
    /// None in a workspace in which no agent was ever started.
    pub(super) session: Option<Saved>,
}

/// The session that is meant, as its record on this host says.
pub(super) async fn meant(cx: &Context, whose: &Whose) -> Result<Meant> {
    let name = match whose {
        Whose::Latest => return latest(cx).await,
        Whose::Slot(slot) => ContainerName::new(&cx.prefix, &cx.workspace, *slot).to_string(),
        Whose::Container(name) => name.clone(),
    };
    let Some(metadata) = record::of_container(cx, &name).await? else { return Err(Error::ContainerNotFound { name }) };
    let (store, id) = (launch::store(cx), metadata.session_id);
    let session = blocking(move || store.read(id)).await?;
    Ok(Meant { workspace: Workspace::at(&metadata.workspace), session })
}

async fn latest(cx: &Context) -> Result<Meant> {
    let session = match resume::latest(cx).await {
        Ok(saved) => Some(saved),
        Err(Error::NoSession { .. }) => None,
        Err(error) => return Err(error),
    };
    Ok(Meant { workspace: cx.workspace.clone(), session })
}

/// The first checkpoint of a session in a workspace. Without a session that before the last command of `run --checkpoint`, else the
/// oldest.
pub(crate) fn of<'a>(
    nodes: &'a BTreeMap<CheckpointId, Node>,
    session: Option<SessionId>,
    workspace: &Path,
) -> Option<&'a Node> {
    let of =
        || nodes.values().filter(|node| node.session == session && node.workspace == workspace && node.tree.is_some());
    let at = |node: &&Node| (node.at.clone(), node.id.clone());
    let before_run = of().filter(|node| session.is_none() && node.cause == Cause::BeforeRun).max_by_key(at);
    before_run.or_else(|| of().min_by_key(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: u64, at: &str, cause: Cause, session: Option<SessionId>, workspace: &str) -> (CheckpointId, Node) {
        let id = CheckpointId::from_random(id << 24);
        let tree = cci_core::checkpoint::Tree { tree: "a".into(), stat: "b".into(), files: 0, bytes: 0 };
        let empty = Node::empty(id.clone(), at.into(), cause, workspace.into());
        (id, Node { session, tree: Some(tree), ..empty })
    }

    #[test]
    fn a_session_began_at_its_own_first_checkpoint_in_this_workspace() {
        let session = Some(launch::new_session_id());
        let other = Some(launch::new_session_id());
        let nodes: BTreeMap<_, _> = [
            node(1, "1", Cause::Manual, None, "/w"),
            node(2, "2", Cause::TurnStart, other, "/w"),
            node(3, "3", Cause::TurnStart, session, "/fork"),
            node(4, "4", Cause::TurnStart, session, "/w"),
            node(5, "5", Cause::TurnEnd, session, "/w"),
            node(6, "6", Cause::BeforeRun, None, "/w"),
            node(7, "7", Cause::AfterRun, None, "/w"),
        ]
        .into();
        let first = |session, workspace: &str| of(&nodes, session, Path::new(workspace)).map(|node| node.at.clone());
        assert_eq!(first(session, "/w").as_deref(), Some("4"));
        assert_eq!(first(other, "/w").as_deref(), Some("2"));
        assert_eq!(first(None, "/w").as_deref(), Some("6"), "what ran last");
        assert_eq!(first(None, "/x"), None);
    }
}
