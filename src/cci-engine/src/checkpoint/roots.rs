//! The root file systems that are kept: found, weighed, removed.

use std::collections::BTreeSet;

use cci_core::checkpoint::{CheckpointId, Root};
use cci_core::mark::{Kind, Marks};
use cci_core::{Error, Result};
use cci_incus::Instance;
use futures_util::future::join_all;

use super::place;
use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::instance::original::Original;
use crate::instance::remove::remove_if;
use crate::launch::PROFILE;

/// One root file system of the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The checkpoint.
    pub id: CheckpointId,
    /// Where it is.
    pub root: Root,
    /// When it was made: RFC 3339.
    pub created_at: String,
    /// What it alone takes in the pool, where the pool counts that.
    pub bytes: Option<u64>,
}

/// All of the caller's, by id, each weighed.
pub async fn all(cx: &Context) -> Result<Vec<Kept>> {
    let mut kept = found(cx).await?;
    join_all(kept.iter_mut().map(|kept| weigh(cx, kept))).await;
    Ok(kept)
}

/// Those of [`all`] that belong to none of these checkpoints: an interrupted command, or a removed record, left them. Ask
/// for the checkpoints of every workspace.
#[must_use]
pub fn orphans(mut all: Vec<Kept>, known: &BTreeSet<CheckpointId>) -> Vec<Kept> {
    all.retain(|kept| !known.contains(&kept.id));
    all
}

/// Whether it is still there.
pub async fn exists(cx: &Context, root: &Root) -> Result<bool> {
    look(cx, root).await.map(|found| found.is_some())
}

/// Removes it, and returns whether it existed; one that is another user's, or no checkpoint's, is left alone.
pub async fn remove(cx: &Context, root: &Root) -> Result<bool> {
    remove_if(&cx.client.in_project(&root.project), &root.instance, |instance| is_own(cx, instance)).await
}

/// What a launch from it copies.
pub async fn original(cx: &Context, id: &CheckpointId, root: &Root) -> Result<Original> {
    let missing = || Error::CheckpointIncomplete {
        id: id.clone(),
        part: "container",
        problem: format!("{} of project {} is gone", root.instance, root.project),
    };
    let instance = look(cx, root).await?.ok_or_else(missing)?;
    Ok(Original { instance, profiles: vec![PROFILE.to_owned()] })
}

async fn look(cx: &Context, root: &Root) -> Result<Option<Instance>> {
    match cx.client.in_project(&root.project).instance(&root.instance).await {
        Ok((instance, _)) => Ok(Some(instance).filter(|instance| is_own(cx, instance))),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error).during("look at the container of the checkpoint"),
    }
}

async fn found(cx: &Context) -> Result<Vec<Kept>> {
    let everywhere = cx.client.instances_of_all_projects().await.during("list the containers of the checkpoints")?;
    let here = |instance: &&Instance| place::may_have(cx, &instance.project);
    let mut kept: Vec<Kept> = everywhere.iter().filter(here).filter_map(|one| of(cx, one)).collect();
    kept.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(kept)
}

/// One whose record is the caller's: another user's, or that of another home of the same user, looks like one that no
/// record names.
fn of(cx: &Context, instance: &Instance) -> Option<Kept> {
    let marks = Marks::from_config(&instance.config).filter(|_| is_own(cx, instance))?;
    let marks = Some(marks).filter(|marks| marks.store == Some(cx.cci_dir()))?;
    let root = Root { instance: instance.name.clone(), project: instance.project.clone(), image: marks.image };
    Some(Kept { id: marks.checkpoint?, root, created_at: instance.created_at.clone(), bytes: None })
}

fn is_own(cx: &Context, instance: &Instance) -> bool {
    let uid = cx.caller.ids.uid;
    Marks::from_config(&instance.config)
        .is_some_and(|marks| marks.kind == Kind::Checkpoint && (uid == 0 || marks.owner_uid == uid))
}

/// Asks what it takes in the pool; a pool that does not count is no error.
async fn weigh(cx: &Context, kept: &mut Kept) {
    let client = cx.client.in_project(&kept.root.project);
    let state = client.instance_state(&kept.root.instance).await.unwrap_or_default();
    let usage = state.disk.get("root").and_then(|disk| u64::try_from(disk.usage).ok());
    kept.bytes = usage.filter(|bytes| *bytes > 0);
}
