//! The whole measurement: what is wanted, everything in turn, and nothing left behind.

use std::path::PathBuf;
use std::sync::Arc;

use cci_core::{Error, Result};
use cci_guest::GuestText;

use super::bed::Bed;
use super::collected::Collected;
use super::report::Report;
use super::subjects::SUBJECTS;
use super::{checkpointing, egress, inside, launching, listing, login, machine, resuming};
use crate::ui::terminal::Terminal;
use cci_engine::blocking::blocking;
use cci_engine::context::Context;
use cci_engine::launch;

/// What is to be measured.
pub(crate) struct Wanted {
    /// How often.
    pub(crate) runs: u32,
    /// The rows; all if none is named.
    pub(crate) rows: Vec<String>,
    /// The `incus` command, if it is measured too.
    pub(crate) incus: Option<PathBuf>,
    /// An earlier result to compare with.
    pub(crate) earlier: Option<PathBuf>,
}

/// Measures everything that is wanted and removes what was made for it.
pub(crate) async fn measure(cx: &Context, terminal: &Arc<Terminal>, wanted: Wanted) -> Result<Report> {
    known(&wanted.rows)?;
    let earlier = match wanted.earlier {
        Some(path) => Some(read(path).await?),
        None => None,
    };
    let machine = machine::look(cx).await?;
    let bed = Bed::make(cx, terminal.clone(), wanted.runs, wanted.incus).await?;
    let all = Collected::of(wanted.rows);
    let done = everything(&bed, &all).await;
    terminal.step("bench", "clearing away");
    let cleared = bed.clear_away().await;
    terminal.idle();
    done?;
    if let Err(error) = cleared {
        terminal.warn(&format!("not everything was removed: {error}"));
    }
    let mut report = Report { machine, runs: wanted.runs, rows: all.rows() };
    if let Some(earlier) = &earlier {
        report.compare(earlier);
    }
    Ok(report)
}

async fn everything(bed: &Bed, all: &Collected) -> Result<()> {
    launch::usable(&bed.context("cci", false)?)?;
    let resumes = ["resume-small", "resume-large"];
    let saved = if all.wants(&resumes) { Some(resuming::prepare(bed).await?) } else { None };
    for round in 0..=bed.runs {
        bed.terminal.step("bench", &format!("launching, round {round} of {}", bed.runs));
        all.begin(round);
        launching::round(bed, all).await?;
        if let Some(saved) = &saved {
            resuming::round(bed, all, saved).await?;
        }
    }
    bed.terminal.step("bench", "working in a container");
    inside::measure(bed, all).await?;
    bed.terminal.step("bench", "taking checkpoints");
    checkpointing::measure(bed, all).await?;
    bed.terminal.step("bench", "asking through the login socket");
    login::measure(bed, all).await?;
    bed.terminal.step("bench", "passing connections on by name");
    egress::measure(bed, all).await?;
    bed.terminal.step("bench", "listing up to 50 containers");
    listing::measure(bed, all).await?;
    for round in 0..=bed.runs {
        bed.terminal.step("bench", &format!("launching ten at once, round {round} of {}", bed.runs));
        all.begin(round);
        launching::ten(bed, all).await?;
    }
    Ok(())
}

fn known(rows: &[String]) -> Result<()> {
    let Some(unknown) = rows.iter().find(|row| SUBJECTS.iter().all(|subject| subject.key != row.as_str())) else {
        return Ok(());
    };
    let keys: Vec<&str> = SUBJECTS.iter().map(|subject| subject.key).collect();
    Err(Error::Usage { problem: format!("unknown row '{unknown}'"), hint: Some(format!("rows: {}", keys.join(", "))) })
}

/// An earlier result, as `bench --format json` printed it.
async fn read(path: PathBuf) -> Result<Report> {
    blocking(move || {
        let unusable = |problem: String| Error::usage(format!("baseline '{}': {problem}", GuestText::new(&path)));
        let text = std::fs::read_to_string(&path).map_err(|error| unusable(error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| unusable(format!("not a result of `cci bench`: {error}")))
    })
    .await
}
