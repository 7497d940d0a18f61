//! Measures what makes a container anew: `run`, `shell`, ten shells at once.

use std::time::{Duration, Instant};

use cci_core::network::Mode;
use cci_core::slot::Slot;
use cci_core::{Error, Result};

use super::bed::Bed;
use super::child;
use super::collected::{Collected, OFTEN};
use super::floor;
use super::row::Who;
use cci_engine::retry::Retry;

/// The arguments of a session without an agent: the same calls, and nothing that goes on in the container.
pub(super) const SHELL: [&str; 5] = ["--timing", "shell", "--background", "--debug", "--persistent=false"];

/// How often a launch by the raw API is tried.
const TRIES: u32 = 3;

pub(super) async fn round(bed: &Bed, all: &Collected) -> Result<()> {
    bed.part(all, &["version"], version(bed, all)).await?;
    bed.part(all, &["run", "run-gone"], run(bed, all)).await?;
    bed.part(all, &["policy", "policy-incus"], under_a_policy(bed, all)).await?;
    bed.part(all, &["shell", "memory-shell", "resume-small", "resume-large"], shell(bed, all)).await
}

/// By themselves: the end of ten containers keeps the host busy for longer than Incus says.
pub(super) async fn ten(bed: &Bed, all: &Collected) -> Result<()> {
    bed.part(all, &["ten-shells"], ten_shells(bed, all)).await
}

async fn version(bed: &Bed, all: &Collected) -> Result<()> {
    bed.calm().await?;
    for _ in 0..OFTEN {
        all.took("version", Who::Cci, child::cci(bed, "cci", &["version"]).await?.took);
        all.took("version", Who::Floor, child::program(bed, "true").await?.took);
    }
    Ok(())
}

async fn under_a_policy(bed: &Bed, all: &Collected) -> Result<()> {
    for (who, mode) in [(Who::Floor, Mode::Open), (Who::Cci, Mode::Restricted)] {
        bed.calm().await?;
        let ran = child::cci_under(bed, mode, "cci", &["run", "--persistent=false", "--", "true"]).await?;
        all.took("policy", who, ran.took);
        bed.end(&[bed.name("cci", 1)]).await?;
    }
    // the policy is there now, as it was for cci
    for (who, mode) in [(Who::Floor, Mode::Open), (Who::Cci, Mode::Restricted)] {
        let (name, took) = by_api(bed, mode).await?;
        all.took("policy-incus", who, took);
        bed.end(&[name]).await?;
    }
    Ok(())
}

async fn run(bed: &Bed, all: &Collected) -> Result<()> {
    run_by_cci(bed, all).await?;
    run_by_api(bed, all).await?;
    run_by_incus(bed, all).await
}

async fn run_by_cci(bed: &Bed, all: &Collected) -> Result<()> {
    bed.calm().await?;
    let mut ends = bed.ends().await?;
    let ran = child::cci(bed, "cci", &["run", "--persistent=false", "--", "true"]).await?;
    all.took("run", Who::Cci, ran.took);
    bed.timed(ends.of(bed, &[bed.name("cci", 1)])).await?;
    all.took("run-gone", Who::Cci, ran.began.elapsed());
    Ok(())
}

async fn run_by_api(bed: &Bed, all: &Collected) -> Result<()> {
    let (name, took) = by_api(bed, bed.cx.settings.network.mode).await?;
    all.took("run", Who::Floor, took);
    let ((), end) = bed.timed(bed.end(&[name])).await?;
    all.took("run-gone", Who::Floor, took + end);
    Ok(())
}

/// Create, start and exec; tried again where another launch on this machine took the address meanwhile.
async fn by_api(bed: &Bed, mode: Mode) -> Result<(String, Duration)> {
    let mut retry = Retry::up_to(TRIES);
    loop {
        match created_and_used(bed, mode).await {
            Err(error @ Error::IncusRefused { .. }) if retry.again("create a container", &error).await => {
                bed.remove_containers().await?;
            }
            done => return done,
        }
    }
}

async fn created_and_used(bed: &Bed, mode: Mode) -> Result<(String, Duration)> {
    bed.calm().await?;
    let ready = floor::ready_under(bed, mode, "floor").await?;
    let used = async {
        let name = floor::create(bed, &ready, Slot::FIRST).await?;
        floor::exec(bed, &name).await?;
        Ok(name)
    };
    bed.timed(used).await
}

async fn run_by_incus(bed: &Bed, all: &Collected) -> Result<()> {
    let Some(program) = &bed.incus else { return Ok(()) };
    let ready = floor::ready(bed, "floor", false).await?;
    let name = format!("{}incus", bed.cx.prefix.as_str());
    bed.calm().await?;
    let began = Instant::now();
    child::incus(bed, program, &["launch", "--quiet", &ready.fingerprint, &name]).await?;
    child::incus(bed, program, &["exec", &name, "--", "true"]).await?;
    child::incus(bed, program, &["delete", "--force", &name]).await?;
    all.took("run", Who::Incus, began.elapsed());
    all.took("run-gone", Who::Incus, began.elapsed());
    Ok(())
}

async fn shell(bed: &Bed, all: &Collected) -> Result<()> {
    bed.calm().await?;
    let ran = child::cci(bed, "cci", &SHELL).await?;
    all.took("shell", Who::Cci, ran.took);
    // what a resume is held against
    all.took("resume-small", Who::Floor, ran.took);
    all.took("resume-large", Who::Floor, ran.took);
    if let Some(peak) = ran.peak_mib() {
        all.add("memory-shell", Who::Cci, peak);
    }
    bed.end(&[bed.name("cci", 1)]).await?;
    if all.wants(&["shell"]) {
        let (name, took) = by_api(bed, bed.cx.settings.network.mode).await?;
        all.took("shell", Who::Floor, took);
        bed.end(&[name]).await?;
    }
    Ok(())
}

async fn ten_shells(bed: &Bed, all: &Collected) -> Result<()> {
    bed.calm().await?;
    let began = Instant::now();
    let shells = (0..Slot::MAX).map(|_| child::cci(bed, "ten", &SHELL));
    futures_util::future::try_join_all(shells).await?;
    all.took("ten-shells", Who::Cci, began.elapsed());
    let names: Vec<String> = (1..=Slot::MAX).map(|slot| bed.name("ten", slot)).collect();
    bed.end(&names).await?;
    bed.calm().await?;
    let ready = floor::ready(bed, "ten", false).await?;
    let creates = Slot::all().map(|slot| floor::create(bed, &ready, slot));
    let (names, took) = bed.timed(futures_util::future::try_join_all(creates)).await?;
    all.took("ten-shells", Who::Floor, took);
    bed.end(&names).await
}
