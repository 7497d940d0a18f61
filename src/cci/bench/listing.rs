//! Measures `list` with 1, 10 and 50 running containers, and with many saved sessions.

use std::path::Path;

use cci_core::metadata::Metadata;
use cci_core::slot::Slot;
use cci_core::{Error, Result};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::bed::Bed;
use super::boot::booted;
use super::child;
use super::collected::{Collected, OFTEN};
use super::floor;
use super::row::Who;
use cci_engine::incus_error::DuringStep;
use cci_engine::launch;

/// How many containers there are when a row is measured.
const SIZES: [(&str, usize); 3] = [("list-1", 1), ("list-10", 10), ("list-50", 50)];
/// How many sessions are saved when they are listed too.
const SESSIONS: usize = 1_000;
/// How many are made at once.
const AT_ONCE: usize = 4;

pub(super) async fn measure(bed: &Bed, all: &Collected) -> Result<()> {
    let mut there = 0;
    for (key, size) in SIZES {
        if all.wants(&[key]) || key == "list-50" && all.wants(&["memory-list"]) {
            bed.part(all, &[key, "memory-list"], at_size(bed, all, key, &mut there, size)).await?;
        }
    }
    bed.remove_containers().await?;
    bed.part(all, &["list-all"], with_sessions(bed, all)).await
}

async fn with_sessions(bed: &Bed, all: &Collected) -> Result<()> {
    let (sessions, workspace) = (bed.sessions(), bed.dir("cci")?);
    let state_dir = bed.cx.settings.tool.agent().state_dir();
    save(&sessions, &workspace, state_dir).map_err(|source| Error::Host { step: "fill", path: sessions, source })?;
    for round in 0..=bed.runs {
        all.begin(round);
        bed.calm().await?;
        all.took("list-all", Who::Cci, child::cci(bed, "cci", &["list", "--all"]).await?.took);
        let asked = async { bed.cx.client.instances().await.during("list the containers") };
        all.took("list-all", Who::Floor, bed.timed(asked).await?.1);
    }
    Ok(())
}

/// Saved sessions without a conversation in them.
fn save(sessions: &Path, workspace: &Path, state_dir: &str) -> std::io::Result<()> {
    for _ in 0..SESSIONS {
        let metadata = Metadata {
            session_id: launch::new_session_id(),
            container_name: String::new(),
            persistent: false,
            workspace: workspace.to_owned(),
            saved_at: jiff::Timestamp::now().to_string(),
            further: serde_json::Map::default(),
        };
        let dir = sessions.join(metadata.session_id.to_string());
        std::fs::create_dir_all(dir.join(state_dir))?;
        std::fs::write(dir.join("metadata.json"), metadata.to_json())?;
    }
    Ok(())
}

async fn at_size(bed: &Bed, all: &Collected, key: &'static str, there: &mut usize, size: usize) -> Result<()> {
    while *there < size {
        let (workspace, first) = (format!("list-{}", *there / 10), *there % 10);
        let some = (size - *there).min(10 - first);
        fill(bed, &workspace, first, some).await?;
        *there += some;
    }
    for round in 0..=bed.runs {
        all.begin(round);
        bed.calm().await?;
        for _ in 0..OFTEN {
            one_round(bed, all, key).await?;
        }
    }
    Ok(())
}

/// Puts containers into slots of one project directory.
async fn fill(bed: &Bed, workspace: &str, first: usize, count: usize) -> Result<()> {
    let ready = floor::ready(bed, workspace, false).await?;
    let creates = Slot::all().skip(first).take(count).map(|slot| floor::create(bed, &ready, slot));
    let made = stream::iter(creates).buffer_unordered(AT_ONCE).try_collect::<Vec<String>>();
    let (names, _) = bed.timed(made).await?;
    let booted = futures_util::future::try_join_all(names.iter().map(|name| booted(bed, name)));
    bed.timed(booted).await.map(drop)
}

async fn one_round(bed: &Bed, all: &Collected, key: &'static str) -> Result<()> {
    let ran = child::cci(bed, "cci", &["--timing", "list"]).await?;
    all.took(key, Who::Cci, ran.took);
    if let (Some(peak), "list-50") = (ran.peak_mib(), key) {
        all.add("memory-list", Who::Cci, peak);
    }
    let asked = async { bed.cx.client.instances().await.during("list the containers") };
    all.took(key, Who::Floor, bed.timed(asked).await?.1);
    if let Some(program) = &bed.incus {
        all.took(key, Who::Incus, child::incus(bed, program, &["list"]).await?.took);
    }
    Ok(())
}
