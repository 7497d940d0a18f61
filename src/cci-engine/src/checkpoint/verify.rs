//! Whether everything that checkpoints hold is still there, for `doctor`.

use std::path::PathBuf;

use cci_core::Result;
use cci_core::checkpoint::{CheckpointId, Node};
use cci_git::Store;

use super::contents;
use crate::blocking::blocking;
use crate::context::Context;
use cci_host::store::checkpoints::Checkpoints;

/// What was found in the stores of every workspace.
#[derive(Debug, Default)]
pub struct Verified {
    /// How many workspaces have checkpoints.
    pub workspaces: usize,
    /// How many checkpoints there are.
    pub checkpoints: usize,
    /// What their files take on the disk.
    pub bytes: u64,
    /// Checkpoints of which something is missing or damaged, and how many objects that are.
    pub damaged: Vec<(PathBuf, CheckpointId, usize)>,
    /// Records that cannot be read, and stores that cannot be opened.
    pub unreadable: Vec<String>,
}

/// Reads every object that a record names.
pub async fn verify(cx: &Context) -> Result<Verified> {
    let cci_dir = cx.cci_dir();
    blocking(move || {
        let mut verified = Verified::default();
        for kept in Checkpoints::all(&cci_dir)? {
            let records = kept.records()?;
            verified.workspaces += 1;
            verified.checkpoints += records.nodes.len();
            verified.unreadable.extend(records.damaged.values().map(ToString::to_string));
            match contents::store(&kept) {
                Ok(store) => {
                    verified.bytes += store.size().map_err(contents::failed)?;
                    for node in records.nodes.values() {
                        let problems = problems(&store, node)?;
                        if problems > 0 {
                            verified.damaged.push((node.workspace.clone(), node.id.clone(), problems));
                        }
                    }
                }
                Err(error) => verified.unreadable.push(error.to_string()),
            }
        }
        Ok(verified)
    })
    .await
}

fn problems(store: &Store, node: &Node) -> Result<usize> {
    Ok(store.verify(contents::held(node)?).map_err(contents::failed)?.len())
}
