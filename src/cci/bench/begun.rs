//! A session whose checkpoints are measured, and the call that takes one.

use cci_core::{Error, Result};

use super::bed::Bed;
use super::boot::booted;
use super::child;
use super::launching::SHELL;

/// The project directory of the container that checkpoints are taken of.
pub(super) const PROJECT: &str = "project";
/// How many files have changed at a checkpoint.
pub(super) const CHANGED: u32 = 20;

/// A container in one of the project directories, and its first checkpoint.
pub(super) async fn begun(bed: &Bed, workspace: &str) -> Result<(String, String)> {
    let name = bed.name(workspace, 1);
    child::cci(bed, workspace, &SHELL).await?;
    bed.timed(booted(bed, &name)).await?;
    Ok((name, taken(bed, workspace).await?.id))
}

/// What `checkpoint` says.
pub(super) struct Taken {
    pub(super) id: String,
    pub(super) is_new: bool,
    pub(super) ran: child::Ran,
}

/// Takes one in a project directory.
pub(super) async fn taken(bed: &Bed, workspace: &str) -> Result<Taken> {
    let ran = child::cci(bed, workspace, &["checkpoint", "--format", "json"]).await?;
    let said: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
    match (said["id"].as_str(), said["new"].as_bool()) {
        (Some(id), Some(is_new)) => Ok(Taken { id: id.to_owned(), is_new, ran }),
        _ => Err(Error::Internal("`checkpoint` did not name its checkpoint".into())),
    }
}
