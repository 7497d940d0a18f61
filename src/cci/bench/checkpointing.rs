//! Measures checkpoints: how long one takes, how long the agent stands still for it, and the list of many.

use cci_core::checkpoint::{Cause, CheckpointId, Node};
use cci_core::{Error, Result};
use jiff::{SignedDuration, Timestamp};

use super::bed::Bed;
use super::begun::{CHANGED, PROJECT, begun, taken};
use super::boot::booted;
use super::child;
use super::clock::Clock;
use super::collected::{Collected, OFTEN};
use super::floor;
use super::launching::SHELL;
use super::project::Project;
use super::rewinding;
use super::row::Who;
use cci_host::store::checkpoints::Checkpoints;

const FILES: u32 = 20_000;
const BYTES: usize = 1_000;
/// The first checkpoint of a large workspace: 366 MB.
const LARGE: &str = "large-project";
const LARGE_FILES: u32 = 90_000;
const LARGE_BYTES: usize = 4_067;
/// The workspace with many checkpoints.
const LOG: &str = "log";
const NODES: u32 = 1_000;
const ROWS: &[&str] = &["checkpoint", "standstill", "checkpoint-same", "rewind", "fork"];

pub(super) async fn measure(bed: &Bed, all: &Collected) -> Result<()> {
    bed.part(all, ROWS, rounds(bed, all)).await?;
    bed.remove_containers().await?;
    bed.part(all, &["checkpoint-first"], first(bed, all)).await?;
    bed.remove_containers().await?;
    bed.part(all, &["log-1000"], log(bed, all)).await
}

async fn rounds(bed: &Bed, all: &Collected) -> Result<()> {
    let project = Project::make(&bed.dir(PROJECT)?, FILES, BYTES)?;
    let (name, id) = begun(bed, PROJECT).await?;
    for round in 0..=bed.runs {
        all.begin(round);
        bed.part(all, &["checkpoint", "standstill"], one(bed, all, &project, &name)).await?;
        bed.part(all, &["checkpoint-same"], same(bed, all, &name)).await?;
    }
    rewinding::rounds(bed, all, &project, &id).await
}

async fn one(bed: &Bed, all: &Collected, project: &Project, name: &str) -> Result<()> {
    project.change(CHANGED)?;
    bed.calm().await?;
    let clock = Clock::start(bed, name).await?;
    let taken = taken(bed, PROJECT).await?;
    all.took("standstill", Who::Cci, clock.longest(bed).await?);
    all.took("checkpoint", Who::Cci, taken.ran.took);
    bed.calm().await?;
    let copy = bed.copy_name();
    let ((), snapshot) = bed.timed(floor::snapshot(bed, name)).await?;
    let ((), copied) = bed.timed(floor::copy(bed, name, &copy)).await?;
    all.took("standstill", Who::Floor, snapshot);
    all.took("checkpoint", Who::Floor, snapshot + copied);
    floor::remove_copy(bed, name, &copy).await
}

/// Takes the checkpoint that is there.
async fn same(bed: &Bed, all: &Collected, name: &str) -> Result<()> {
    taken(bed, PROJECT).await?;
    for _ in 0..OFTEN {
        bed.calm().await?;
        let taken = taken(bed, PROJECT).await?;
        // the system in the container has written something
        if !taken.is_new {
            all.took("checkpoint-same", Who::Cci, taken.ran.took);
        }
        bed.calm().await?;
        all.took("checkpoint-same", Who::Floor, bed.timed(floor::exec(bed, name)).await?.1);
    }
    Ok(())
}

/// Only once: it writes as much as all others together.
async fn first(bed: &Bed, all: &Collected) -> Result<()> {
    all.begin(1);
    Project::make(&bed.dir(LARGE)?, LARGE_FILES, LARGE_BYTES)?;
    child::cci(bed, LARGE, &SHELL).await?;
    bed.timed(booted(bed, &bed.name(LARGE, 1))).await?;
    bed.calm().await?;
    all.took("checkpoint-first", Who::Cci, child::cci(bed, LARGE, &["checkpoint"]).await?.took);
    Ok(())
}

async fn log(bed: &Bed, all: &Collected) -> Result<()> {
    write_log(bed)?;
    for round in 0..=bed.runs {
        all.begin(round);
        bed.calm().await?;
        for _ in 0..OFTEN {
            all.took("log-1000", Who::Cci, child::cci(bed, LOG, &["log"]).await?.took);
            all.took("log-1000", Who::Floor, child::cci(bed, LOG, &["version"]).await?.took);
        }
    }
    Ok(())
}

/// The records of many checkpoints, each the next of the one before.
fn write_log(bed: &Bed) -> Result<()> {
    let workspace = bed.workspace(LOG)?;
    let kept = Checkpoints::of(&bed.cx.cci_dir(), &workspace)?;
    kept.create()?;
    let mut heads = kept.heads()?;
    let mut parent: Option<CheckpointId> = None;
    for number in 0..NODES {
        let id = CheckpointId::from_random(u64::from(number) << 24);
        let path = kept.place(&id);
        let node = node(id.clone(), parent, number, &workspace);
        let text = serde_json::to_vec_pretty(&node).map_err(|error| Error::Internal(error.to_string()))?;
        std::fs::write(&path, text).map_err(|source| Error::Host { step: "write", path, source })?;
        heads.set(None, &workspace, &id);
        parent = Some(id);
    }
    kept.write_heads(&heads)
}

fn node(
    id: CheckpointId,
    parent: Option<CheckpointId>,
    number: u32,
    workspace: &cci_core::workspace::Workspace,
) -> Node {
    let began = Timestamp::now() - SignedDuration::from_secs(i64::from(NODES - number));
    let at = began.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
    Node {
        parent,
        slot: Some(1),
        prompt: Some(format!("do what is asked for in turn {number}")),
        files_changed: 3,
        ..Node::empty(id, at, Cause::TurnEnd, workspace.path().to_owned())
    }
}
