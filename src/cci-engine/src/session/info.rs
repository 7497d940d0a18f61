//! `info`: one saved session, and how large it is.

use std::path::{Path, PathBuf};

use cci_core::Result;
use cci_core::session::Resume;
use schemars::JsonSchema;
use serde::Serialize;

use crate::blocking::blocking;
use crate::context::Context;
use crate::launch;
use crate::network::{self, Ways};
use crate::session::resume;
use cci_core::workspace::Workspace;
use cci_host::store::checkpoints::Checkpoints;
use cci_host::store::run_dir::{HostRequest, RunDir, Watched};
use cci_host::store::size;
use cci_host::store::usage::Usage;

/// A session as `info` shows it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Info {
    /// The value for `--resume=ID`.
    pub session_id: String,
    /// The container that had it last.
    pub container_name: String,
    /// The project directory on the host.
    pub workspace: PathBuf,
    /// RFC 3339.
    pub saved_at: String,
    pub(crate) persistent: bool,
    /// Whether the agent's state is on the disk, with the conversation if there was one.
    pub data_present: bool,
    /// The disk space of its directory.
    pub data_bytes: u64,
    /// The directory of the session.
    pub path: PathBuf,
    /// The checkpoint that it is at; empty if none was taken.
    pub checkpoint: String,
    /// The hosts that its agent has asked for, which `network allow` allows.
    pub asks_for: Vec<HostRequest>,
    /// How its connections by name go out beside its rules, while it has a container.
    pub network: Ways,
    /// What it has asked of its agent's API, as far as that went through the login socket.
    pub usage: Used,
}

/// Requests and tokens of a session.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct Used {
    /// How many requests.
    pub requests: u64,
    /// How many tokens in all.
    pub tokens: u64,
    /// Of these, read.
    pub input_tokens: u64,
    /// Of these, written.
    pub output_tokens: u64,
    /// Of these, read from the cache.
    pub cache_read_tokens: u64,
    /// Of these, put into the cache.
    pub cache_written_tokens: u64,
}

impl From<Usage> for Used {
    fn from(usage: Usage) -> Self {
        let tokens = usage.tokens();
        let Usage { requests, input_tokens, output_tokens, cache_read_tokens, cache_written_tokens } = usage;
        Self { requests, tokens, input_tokens, output_tokens, cache_read_tokens, cache_written_tokens }
    }
}

fn asks_for(cci_dir: &Path, noted: Option<&Watched>) -> Vec<HostRequest> {
    noted.map(|noted| RunDir::of(cci_dir).requests(noted)).unwrap_or_default()
}

fn ways(cci_dir: &Path, noted: &Watched) -> Ways {
    let allowed = RunDir::of(cci_dir).allowances(noted);
    network::ways_of_note(cci_dir, noted, allowed.into_iter().map(|allowance| allowance.entry).collect())
}

/// The session of this id, or the newest of this workspace.
pub async fn info(cx: &Context, id: Option<&str>) -> Result<Info> {
    let wanted = id.map_or(Resume::Latest, |id| Resume::Exactly(id.to_owned()));
    let saved = match wanted {
        Resume::Exactly(id) => resume::any_by_id(cx, &id).await?,
        _ => resume::latest(cx).await?,
    };
    let store = launch::store(cx);
    let state = store.state_dir(saved.metadata.session_id);
    let cci_dir = cx.cci_dir();
    blocking(move || {
        let metadata = saved.metadata;
        let workspace = Workspace::at(&metadata.workspace);
        let heads = Checkpoints::of(&cci_dir, &workspace)?.heads()?;
        let noted = RunDir::of(&cci_dir).noted(metadata.session_id);
        let checkpoint = heads.of(Some(metadata.session_id), &workspace).map(ToString::to_string);
        Ok(Info {
            session_id: metadata.session_id.to_string(),
            container_name: metadata.container_name,
            workspace: metadata.workspace,
            saved_at: metadata.saved_at,
            persistent: metadata.persistent,
            data_present: state.is_dir() && !store.lost_conversation(metadata.session_id),
            data_bytes: size::of_tree(&state),
            asks_for: asks_for(&cci_dir, noted.as_ref()),
            network: noted.as_ref().map(|noted| ways(&cci_dir, noted)).unwrap_or_default(),
            usage: Usage::read(&saved.dir).into(),
            path: saved.dir,
            checkpoint: checkpoint.unwrap_or_default(),
        })
    })
    .await
}
