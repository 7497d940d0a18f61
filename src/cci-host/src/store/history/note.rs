//! What a session shares, noted next to its state directory, where no container can write.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cci_core::Result;
use serde::{Deserialize, Serialize};

use super::shared::Shared;
use super::stamp::Stamp;
use crate::store::put;

/// The file, in the session's directory.
const NAME: &str = "history.json";

/// The note.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    /// Whether the session still shares.
    pub(super) shares: bool,
    /// The agent.
    pub(super) agent: String,
    pub(super) workspace: String,
    pub(super) directory: PathBuf,
    pub(super) below: String,
    /// What the host had when it was last looked at, by the ids of conversations.
    pub(super) brought: BTreeMap<String, Of>,
}

/// A conversation of the host's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Of {
    /// Its file there.
    pub(super) host: Stamp,
    /// The session's copy, unless the session had one of its own.
    pub(super) copy: Option<Stamp>,
}

impl Note {
    pub(super) fn read(session: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(session.join(NAME)).ok()?).ok()
    }

    pub(super) fn write(&self, session: &Path) -> Result<()> {
        put::json(&session.join(NAME), self)
    }

    /// What is noted, if the session still shares.
    pub(super) fn shared(&self) -> Option<Shared> {
        let Self { shares, agent, workspace, directory, below, .. } = self;
        shares.then(|| Shared {
            agent: cci_agent::agent(agent),
            workspace: workspace.clone(),
            directory: directory.clone(),
            below: below.clone(),
        })
    }
}

/// Shares no more of the session of this directory; what was brought into it stays.
pub fn stop(session: &Path) -> Result<()> {
    match Note::read(session) {
        Some(note) if note.shares => Note { shares: false, ..note }.write(session),
        _ => Ok(()),
    }
}
