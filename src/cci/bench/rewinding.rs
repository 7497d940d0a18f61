//! Measures the way back: `rewind` of all three, and `fork`.

use cci_core::slot::Slot;
use cci_core::{Error, Result};

use super::bed::Bed;
use super::begun::{CHANGED, PROJECT, begun};
use super::boot::booted;
use super::child;
use super::collected::Collected;
use super::floor::{self, Ready};
use super::project::Project;
use super::row::Who;
use cci_engine::instance::remove::remove_any;

/// The project directory of the containers that only the raw API makes.
const RAW: &str = "raw-project";

/// The project directory that is forked: as many files as are written in about the time that a container takes.
const FORKED: &str = "forked";
const FORKED_FILES: u32 = 2_000;
const FORKED_BYTES: usize = 1_000;

/// A stopped container with the root file system of one that has run, and how its copies are launched.
struct Original {
    ready: Ready,
    copy: String,
}

pub(super) async fn rounds(bed: &Bed, all: &Collected, project: &Project, id: &str) -> Result<()> {
    if !all.wants(&["rewind", "fork"]) {
        return Ok(());
    }
    let original = original(bed).await?;
    let forked = if all.wants(&["fork"]) {
        Project::make(&bed.dir(FORKED)?, FORKED_FILES, FORKED_BYTES)?;
        begun(bed, FORKED).await?.1
    } else {
        String::new()
    };
    for round in 0..=bed.runs {
        all.begin(round);
        bed.part(all, &["rewind"], rewind(bed, all, &original, project, id)).await?;
        bed.part(all, &["fork"], fork(bed, all, &original, &forked)).await?;
    }
    Ok(())
}

async fn original(bed: &Bed) -> Result<Original> {
    let ready = floor::ready(bed, RAW, false).await?;
    let (name, copy) = (floor::create(bed, &ready, Slot::FIRST).await?, bed.copy_name());
    bed.timed(booted(bed, &name)).await?;
    floor::snapshot(bed, &name).await?;
    floor::copy(bed, &name, &copy).await?;
    remove_any(&bed.cx.client, &name).await?;
    Ok(Original { ready, copy })
}

async fn rewind(bed: &Bed, all: &Collected, original: &Original, project: &Project, id: &str) -> Result<()> {
    project.change(CHANGED)?;
    bed.timed(booted(bed, &bed.name(PROJECT, 1))).await?;
    bed.calm().await?;
    all.took("rewind", Who::Cci, child::cci(bed, PROJECT, &["rewind", "--yes", id]).await?.took);
    let second = Slot::new(2).unwrap_or(Slot::FIRST);
    let running = floor::create_from(bed, &original.ready, Slot::FIRST, &original.copy).await?;
    bed.timed(booted(bed, &running)).await?;
    bed.calm().await?;
    let by_api = async {
        floor::stop(bed, &running).await?;
        floor::create_from(bed, &original.ready, second, &original.copy).await
    };
    let (started, took) = bed.timed(by_api).await?;
    all.took("rewind", Who::Floor, took);
    for name in [running, started] {
        remove_any(&bed.cx.client, &name).await?;
    }
    Ok(())
}

async fn fork(bed: &Bed, all: &Collected, original: &Original, id: &str) -> Result<()> {
    bed.calm().await?;
    let ran = child::cci(bed, FORKED, &["fork", id]).await?;
    all.took("fork", Who::Cci, ran.took);
    let name = ran.stdout.split_whitespace().next();
    let name = name.ok_or_else(|| Error::Internal("`fork` did not name its fork".into()))?;
    child::cci(bed, FORKED, &["fork", "--yes", "--remove", name]).await?;
    let (from, to) = (bed.dir(FORKED)?, bed.path().join("copied"));
    bed.calm().await?;
    let by_api = async {
        let started = floor::create_from(bed, &original.ready, Slot::FIRST, &original.copy).await?;
        child::copy(bed, &from, &to).await.map(|_| started)
    };
    let (started, took) = bed.timed(by_api).await?;
    all.took("fork", Who::Floor, took);
    std::fs::remove_dir_all(&to).map_err(|source| Error::Host { step: "remove", path: to, source })?;
    remove_any(&bed.cx.client, &started).await.map(drop)
}
