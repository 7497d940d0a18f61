//! Measures `shell --resume` with a small and with a large state.

use std::path::Path;

use cci_agent::Agent;
use cci_core::{Error, Result};

use super::bed::Bed;
use super::child;
use super::collected::Collected;
use super::launching::SHELL;
use super::row::Who;

/// The large state: so many transcripts of so many bytes, and so many small files beside them.
const TRANSCRIPTS: u32 = 500;
const BYTES: usize = 1_000_000;
const FILES: u32 = 19_500;

/// Two conversations to resume.
pub(super) struct Saved {
    small: String,
    large: String,
}

/// Makes both conversations.
pub(super) async fn prepare(bed: &Bed) -> Result<Saved> {
    let agent = bed.cx.settings.tool.agent();
    let (small, large) = (begun(bed, "small").await?, begun(bed, "large").await?);
    let dir = bed.sessions().join(&large).join(agent.state_dir());
    fill(agent, &dir).map_err(|source| Error::Host { step: "fill", path: dir, source })?;
    Ok(Saved { small, large })
}

/// A conversation that has begun and whose container is gone; its id.
async fn begun(bed: &Bed, workspace: &str) -> Result<String> {
    let ran = child::cci(bed, workspace, &SHELL).await?;
    bed.end(&[bed.name(workspace, 1)]).await?;
    let id = ran.stdout.split_whitespace().nth(1);
    id.map(str::to_owned).ok_or_else(|| Error::Internal("`shell --background` did not name its session".into()))
}

fn fill(agent: &dyn Agent, dir: &Path) -> std::io::Result<()> {
    let Some(kept) = agent.transcripts() else { return Ok(()) };
    let (transcripts, history) = (dir.join(kept.dir), dir.join("file-history"));
    std::fs::create_dir_all(&transcripts)?;
    std::fs::create_dir_all(&history)?;
    let line = "{\"type\":\"user\",\"message\":{\"role\":\"user\",\"content\":\"a line of an old conversation\"}}\n";
    let transcript = line.repeat(BYTES / line.len());
    (0..FILES).try_for_each(|n| std::fs::write(history.join(n.to_string()), line))?;
    let name = || transcripts.join(format!("{}.jsonl", uuid::Uuid::new_v4()));
    (0..TRANSCRIPTS).try_for_each(|_| std::fs::write(name(), &transcript))
}

pub(super) async fn round(bed: &Bed, all: &Collected, saved: &Saved) -> Result<()> {
    for (key, workspace, id) in [("resume-small", "small", &saved.small), ("resume-large", "large", &saved.large)] {
        bed.part(all, &[key], resumed(bed, all, key, workspace, id)).await?;
    }
    Ok(())
}

async fn resumed(bed: &Bed, all: &Collected, key: &'static str, workspace: &str, id: &str) -> Result<()> {
    let resume = format!("--resume={id}");
    let args: Vec<&str> = SHELL.into_iter().chain([resume.as_str()]).collect();
    bed.calm().await?;
    all.took(key, Who::Cci, child::cci(bed, workspace, &args).await?.took);
    bed.end(&[bed.name(workspace, 1)]).await
}
