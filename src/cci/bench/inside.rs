//! Measures what is done with a container that is there: start it again, attach, exec, move files, snapshot, copy.

use cci_core::Result;
use cci_core::slot::Slot;

use super::bed::Bed;
use super::boot::booted;
use super::child;
use super::collected::{Collected, OFTEN};
use super::row::Who;
use super::{files, floor};
use cci_engine::incus_error::DuringStep;

/// The project directory of the container that stays.
const KEPT: &str = "kept";
/// The one that the raw API starts.
const RAW: &str = "raw";
const SHELL: [&str; 4] = ["shell", "--background", "--debug", "--persistent"];
const ROWS: &[&str] = &["warm", "attach", "exec", "pull", "push", "snapshot", "copy", "memory-container"];
/// How often a round starts what is stopped: a single start of a busy machine says little.
const STARTS: u32 = 3;

pub(super) async fn measure(bed: &Bed, all: &Collected) -> Result<()> {
    bed.part(all, ROWS, rounds(bed, all)).await?;
    bed.remove_containers().await
}

async fn rounds(bed: &Bed, all: &Collected) -> Result<()> {
    let kept = bed.name(KEPT, 1);
    child::cci(bed, KEPT, &SHELL).await?;
    let raw = if all.wants(&["warm"]) { Some(raw(bed).await?) } else { None };
    if all.wants(&["pull", "push"]) {
        files::prepare(bed)?;
    }
    for round in 0..=bed.runs {
        all.begin(round);
        for start in 0..STARTS {
            let Some(raw) = &raw else { break };
            let first = if (round + start).is_multiple_of(2) { Who::Cci } else { Who::Floor };
            bed.part(all, &["warm"], warm(bed, all, &kept, raw, first)).await?;
        }
        bed.part(all, &["attach", "exec"], async { bed.timed(booted(bed, &kept)).await.map(drop) }).await?;
        for _ in 0..OFTEN {
            bed.part(all, &["attach"], attach(bed, all, &kept)).await?;
        }
        for _ in 0..OFTEN {
            bed.part(all, &["exec"], exec(bed, all, &kept)).await?;
        }
        bed.part(all, &["push"], files::push(bed, all, &kept)).await?;
        bed.part(all, &["pull"], files::pull(bed, all, &kept)).await?;
        bed.part(all, &["snapshot", "copy"], snapshot(bed, all, &kept)).await?;
        bed.part(all, &["memory-container"], memory(bed, all, &kept)).await?;
    }
    Ok(())
}

/// A container that only the raw API starts.
async fn raw(bed: &Bed) -> Result<String> {
    let ready = floor::ready(bed, RAW, true).await?;
    floor::create(bed, &ready, Slot::FIRST).await
}

/// Stops both and starts both, each in turn the first: what was stopped a moment ago starts more slowly.
async fn warm(bed: &Bed, all: &Collected, kept: &str, raw: &str, first: Who) -> Result<()> {
    floor::stop(bed, kept).await?;
    floor::stop(bed, raw).await?;
    let by_cci = async {
        bed.calm().await?;
        all.took("warm", Who::Cci, child::cci(bed, KEPT, &SHELL).await?.took);
        Ok(())
    };
    let by_api = async {
        bed.calm().await?;
        let started = async {
            floor::start(bed, raw).await?;
            floor::exec(bed, raw).await
        };
        all.took("warm", Who::Floor, bed.timed(started).await?.1);
        Ok(())
    };
    if first == Who::Cci {
        by_cci.await?;
        by_api.await
    } else {
        by_api.await?;
        by_cci.await
    }
}

async fn attach(bed: &Bed, all: &Collected, kept: &str) -> Result<()> {
    bed.calm().await?;
    all.took("attach", Who::Cci, child::first_byte(bed, KEPT, &["attach", kept]).await?);
    bed.calm().await?;
    all.took("attach", Who::Floor, bed.timed(floor::first_byte(bed, kept)).await?.1);
    Ok(())
}

async fn exec(bed: &Bed, all: &Collected, kept: &str) -> Result<()> {
    let user = bed.cx.settings.incus.agent_uid.to_string();
    let args = ["container", "exec", "--user", &user, kept, "--", "true"];
    bed.calm().await?;
    all.took("exec", Who::Cci, child::cci(bed, KEPT, &args).await?.took);
    bed.calm().await?;
    all.took("exec", Who::Floor, bed.timed(floor::exec(bed, kept)).await?.1);
    if let Some(program) = &bed.incus {
        bed.calm().await?;
        all.took("exec", Who::Incus, child::incus(bed, program, &["exec", kept, "--", "true"]).await?.took);
    }
    Ok(())
}

async fn snapshot(bed: &Bed, all: &Collected, kept: &str) -> Result<()> {
    let copy = bed.copy_name();
    bed.calm().await?;
    all.took("snapshot", Who::Floor, bed.timed(floor::snapshot(bed, kept)).await?.1);
    bed.calm().await?;
    all.took("copy", Who::Floor, bed.timed(floor::copy(bed, kept, &copy)).await?.1);
    floor::remove_copy(bed, kept, &copy).await
}

#[expect(clippy::cast_precision_loss, reason = "a size in MiB needs no more digits")]
async fn memory(bed: &Bed, all: &Collected, kept: &str) -> Result<()> {
    let state = bed.cx.client.instance_state(kept).await.during("look at a container")?;
    all.add("memory-container", Who::Cci, state.memory.usage as f64 / 1024.0 / 1024.0);
    Ok(())
}
