//! `log`: the checkpoints of a workspace, newest first.

use std::path::PathBuf;

use cci_core::Result;
use cci_core::checkpoint::Node;
use cci_core::slot::SlotChoice;
use schemars::JsonSchema;
use serde::Serialize;

use super::opened;
use super::subject;
use crate::context::Context;

/// A checkpoint as `log` shows it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Logged {
    /// Its id.
    pub id: String,
    /// The checkpoint before it; empty if it is the first.
    pub parent: String,
    /// When it was taken, in RFC 3339.
    pub at: String,
    /// Why: `turn-start`, `turn-end`, `manual`, `agent`, `interval`, `before-rewind`, `before-run`, `after-run`, `fork`,
    /// `before-adopt`, `adopted` or `before-review`.
    pub cause: String,
    /// The first line of the prompt of its turn; empty if there was none.
    pub prompt: String,
    /// What was written about it with `-m`; empty if nothing was.
    pub message: String,
    /// The workspace that it is of: the origin or one of its forks.
    pub workspace: PathBuf,
    /// The conversation; empty if there was none.
    pub session_id: String,
    /// The slot; 0 if there was none.
    pub slot: u8,
    /// How many files differ from those of the checkpoint before it.
    pub files_changed: u64,
    /// Which of the three states it holds: `container`, `workspace`, `conversation`.
    pub holds: Vec<String>,
    /// What of the workspace it does not hold.
    pub not_held: Vec<LoggedNotHeld>,
    /// Whether its session, or the workspace, is at it.
    pub current: bool,
}

/// Something that a checkpoint does not hold.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LoggedNotHeld {
    /// Its path below the workspace.
    pub path: String,
    /// Why: `too-large`, `unreadable`, `special`, `other-file-system` or `changing`.
    pub why: String,
}

/// The checkpoints of this workspace; with `all` those of its forks too.
pub async fn log(cx: &Context, slot: SlotChoice, all: bool) -> Result<Vec<Logged>> {
    let session = match slot {
        SlotChoice::Auto => None,
        slot => subject::find(cx, slot).await?.session_id(),
    };
    let (nodes, heads) = opened::read(cx).await?;
    let head = heads.of(session, &cx.workspace);
    // the current one can be a fork's that was adopted
    let is_shown = |node: &Node| all || node.workspace == cx.workspace.path() || head == Some(&node.id);
    let mut shown: Vec<&Node> = nodes.values().filter(|node| is_shown(node)).collect();
    shown.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| b.id.cmp(&a.id)));
    Ok(shown.into_iter().map(|node| logged(node, head == Some(&node.id))).collect())
}

/// A record as it is shown.
pub fn logged(node: &Node, current: bool) -> Logged {
    let held =
        [("container", node.root.is_some()), ("workspace", node.tree.is_some()), ("conversation", node.talk.is_some())];
    Logged {
        id: node.id.to_string(),
        parent: node.parent.as_ref().map(ToString::to_string).unwrap_or_default(),
        at: node.at.clone(),
        cause: node.cause.word().to_owned(),
        prompt: node.prompt.clone().unwrap_or_default(),
        message: node.message.clone().unwrap_or_default(),
        workspace: node.workspace.clone(),
        session_id: node.session.map(|id| id.to_string()).unwrap_or_default(),
        slot: node.slot.unwrap_or_default(),
        files_changed: node.files_changed,
        holds: held.into_iter().filter(|(_, is_held)| *is_held).map(|(part, _)| part.to_owned()).collect(),
        not_held: node
            .not_held
            .iter()
            .map(|one| LoggedNotHeld { path: one.path.clone(), why: one.why.clone() })
            .collect(),
        current,
    }
}
