//! The record of a checkpoint: what it was taken for, and where its three parts are.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::id::CheckpointId;
use crate::session::SessionId;

/// One checkpoint, as it is written to `nodes/<id>.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its id.
    pub id: CheckpointId,
    /// The checkpoint that its session was at before.
    pub parent: Option<CheckpointId>,
    /// When it was taken: RFC 3339, UTC, milliseconds.
    pub at: String,
    /// Why it was taken.
    pub cause: Cause,
    /// The workspace, absolute.
    pub workspace: PathBuf,
    /// The conversation, if there was one.
    pub session: Option<SessionId>,
    /// The slot of the workspace.
    pub slot: Option<u8>,
    /// The agent.
    pub agent: Option<String>,
    /// The container that ran, or was stopped, at that time.
    pub container: Option<String>,
    /// Whether that container was persistent.
    #[serde(default)]
    pub persistent: bool,
    /// The first line of the prompt of its turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// What the person wrote about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How many files of the workspace differ from those of its parent.
    #[serde(default)]
    pub files_changed: u64,
    /// The workspace.
    pub tree: Option<Tree>,
    /// The conversation.
    pub talk: Option<Talk>,
    /// The container's root file system.
    pub root: Option<Root>,
    /// The state of git of a workspace that is a linked worktree of another one's repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<Linked>,
    /// What of the workspace it does not hold.
    #[serde(default)]
    pub not_held: Vec<NotHeld>,
    /// What a newer cci has written.
    #[serde(flatten)]
    pub further: Map<String, Value>,
}

impl Node {
    /// A record that holds nothing yet.
    #[must_use]
    pub fn empty(id: CheckpointId, at: String, cause: Cause, workspace: PathBuf) -> Self {
        Self {
            id,
            parent: None,
            at,
            cause,
            workspace,
            session: None,
            slot: None,
            agent: None,
            container: None,
            persistent: false,
            prompt: None,
            message: None,
            files_changed: 0,
            tree: None,
            talk: None,
            root: None,
            git: None,
            not_held: Vec::new(),
            further: Map::new(),
        }
    }
}

/// Why a checkpoint was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Before the agent's turn.
    TurnStart,
    /// At the end of the agent's turn.
    TurnEnd,
    /// By `cci checkpoint`.
    Manual,
    /// By the agent itself.
    Agent,
    /// After `interval_minutes`.
    Interval,
    /// Before a rewind, so that it can be taken back.
    BeforeRewind,
    /// Before the command of `cci run --checkpoint`.
    BeforeRun,
    /// After it.
    AfterRun,
    /// The origin of a fork.
    Fork,
    /// What a workspace was before it adopted a fork.
    BeforeAdopt,
    /// A fork, as its origin adopted it.
    Adopted,
    /// Before `cci review` puts files back.
    BeforeReview,
}

impl Cause {
    /// The word for it, as in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::TurnStart => "turn-start",
            Self::TurnEnd => "turn-end",
            Self::Manual => "manual",
            Self::Agent => "agent",
            Self::Interval => "interval",
            Self::BeforeRewind => "before-rewind",
            Self::BeforeRun => "before-run",
            Self::AfterRun => "after-run",
            Self::Fork => "fork",
            Self::BeforeAdopt => "before-adopt",
            Self::Adopted => "adopted",
            Self::BeforeReview => "before-review",
        }
    }
}

/// A workspace in the store: the ids of two parallel trees, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// Names and contents.
    pub tree: String,
    /// Modes and times.
    pub stat: String,
    /// How many files it has.
    pub files: u64,
    /// How many bytes they have.
    pub bytes: u64,
}

/// A conversation in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Talk {
    /// Names and contents of the agent's files, as in [`Tree`].
    pub tree: String,
    /// Their modes and times.
    pub stat: String,
    /// What the agent calls the conversation, if anything was said in it.
    pub transcript: Option<String>,
}

/// What a repository keeps for one of its linked worktrees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linked {
    /// Names and contents, as in [`Tree`]: `HEAD`, the index, a merge in progress.
    pub tree: String,
    /// Their modes and times.
    pub stat: String,
    /// The commit that it is at.
    pub commit: String,
}

/// A container's root file system, kept as a stopped container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// The container's name.
    pub instance: String,
    /// The Incus project that it is in.
    pub project: String,
    /// The image that the original was created from.
    pub image: Option<String>,
}

/// Something in the workspace that a checkpoint does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotHeld {
    /// Its path below the workspace, as far as it is text.
    pub path: String,
    /// Why it is not held: `too-large`, `unreadable`, `special`, `other-file-system`, `changing`.
    pub why: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_as_it_was_written_and_keeps_what_a_newer_cci_wrote() {
        let raw = r#"{"id":"0001abcdff","parent":null,"at":"2026-11-27T04:00:00.000Z","cause":"turn-end",
            "workspace":"/w","session":null,"slot":1,"agent":"dummy","container":"c","persistent":true,
            "prompt":"fix it","files_changed":2,"tree":{"tree":"aa","stat":"bb","files":1,"bytes":2},
            "talk":null,"root":{"instance":"cci-cp-0001abcdff","project":"p","image":null},
            "not_held":[{"path":"big","why":"too-large"}],"newer":{"a":1}}"#;
        let node: Node = serde_json::from_str(raw).unwrap();
        assert_eq!((node.cause, node.files_changed), (Cause::TurnEnd, 2));
        assert_eq!(node.further["newer"]["a"], 1);
        let again: Node = serde_json::from_str(&serde_json::to_string(&node).unwrap()).unwrap();
        assert_eq!(again, node);
    }

    #[test]
    fn a_cause_has_one_word() {
        for cause in [Cause::TurnStart, Cause::BeforeRewind, Cause::Fork, Cause::Interval, Cause::AfterRun] {
            assert_eq!(serde_json::to_value(cause).unwrap(), cause.word());
        }
    }
}
