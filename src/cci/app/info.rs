//! `info`: one saved session, and how large it is.

use std::path::PathBuf;

use cci_core::Result;
use cci_core::session::Resume;
use schemars::JsonSchema;
use serde::Serialize;

use super::blocking::blocking;
use super::context::Context;
use super::launch;
use super::resume;
use crate::store::size;

/// A session as it is shown.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Info {
    pub(crate) session_id: String,
    pub(crate) container_name: String,
    pub(crate) workspace: PathBuf,
    /// RFC 3339.
    pub(crate) saved_at: String,
    pub(crate) persistent: bool,
    /// Whether the agent's state is on the disk.
    pub(crate) data_present: bool,
    pub(crate) data_bytes: u64,
    /// The directory of the session.
    pub(crate) path: PathBuf,
}

/// The session of this id, or the newest of this workspace.
pub(crate) async fn info(cx: &Context, id: Option<&str>) -> Result<Info> {
    let wanted = id.map_or(Resume::Latest, |id| Resume::Exactly(id.to_owned()));
    let saved = match wanted {
        Resume::Exactly(id) => resume::any_by_id(cx, &id).await?,
        _ => resume::latest(cx).await?,
    };
    let state = launch::store(cx).state_dir(saved.metadata.session_id);
    blocking(move || {
        let metadata = saved.metadata;
        Ok(Info {
            session_id: metadata.session_id.to_string(),
            container_name: metadata.container_name,
            workspace: metadata.workspace,
            saved_at: metadata.saved_at,
            persistent: metadata.persistent,
            data_present: state.is_dir(),
            data_bytes: size::of_tree(&state),
            path: saved.dir,
        })
    })
    .await
}
