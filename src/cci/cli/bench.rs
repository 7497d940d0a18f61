//! `cci bench`: measures cci against the raw API calls that it needs and against the `incus` command.

use std::path::{Path, PathBuf};

use cci_core::{Error, Result};
use clap::Args;

use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::{Format, FormatArg, print};
use super::verb::{Call, OnIncus, Verb};
use crate::bench::{Machine, Report, Row, Summary, Target, Unit, Wanted, measure};
use crate::ui::table::figures;
use crate::ui::text::{Text, shown};
use cci_engine::context::Context;
use cci_host::settings::Trust;

/// Measure cci against the raw API calls that it needs
///
/// Creates at most fifty containers of its own and removes them again, also on Ctrl-C. The floor is the cost of the
/// same result by raw API calls with everything decided in advance; both are measured in turn, while disk and CPU are
/// idle.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cci bench\n  cci bench --runs 20 --only run,shell\n  cci bench --format json > before.json\n  cci bench --baseline incus,before.json"
)]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    format: FormatArg,
    /// What to compare with: the `incus` command, and an earlier result of `bench --format json`
    #[arg(long, value_name = "incus,FILE", value_delimiter = ',')]
    baseline: Vec<String>,
    /// Number of rounds; each samples rows of a tenth of a second or less five times, and starts of stopped containers
    /// three times
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
    /// Measure only these rows
    #[arg(long, value_name = "ROW,…", value_delimiter = ',')]
    only: Vec<String>,
}

impl Verb for BenchArgs {
    const SCHEMAS: &'static [Described] = &[Described::new::<Report>("bench", "what was measured")];

    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[LaunchFlag::Image, LaunchFlag::Profile, LaunchFlag::Network, LaunchFlag::Config]
    }

    fn format(&self) -> Option<Format> {
        Some(self.format.format)
    }
}

impl OnIncus for BenchArgs {
    const ROLLED_BACK: bool = false;

    fn trust(&self) -> Trust {
        Trust::Judged
    }

    async fn run(self, call: &Call<'_>, cx: &Context) -> Result<u8> {
        let wanted = Wanted {
            runs: self.runs,
            rows: self.only.clone(),
            incus: incus(cx, &self.baseline)?,
            earlier: earlier(cx, &self.baseline)?,
        };
        let report = measure(cx, call.terminal, wanted).await?;
        print(self.format.format, &report, text)?;
        let all_measured = report.rows.iter().all(|row| row.problem.is_none());
        Ok(u8::from(!all_measured))
    }
}

/// The `incus` command: if asked for, or if installed and nothing else is asked for.
fn incus(cx: &Context, baseline: &[String]) -> Result<Option<PathBuf>> {
    let path = cx.caller.var("PATH").unwrap_or_default();
    let found = std::env::split_paths(path).map(|dir| dir.join("incus")).find(|program| program.is_file());
    let asked = baseline.iter().any(|one| one == "incus");
    match found {
        None if asked => Err(Error::usage("baseline 'incus': the command is not installed")),
        found => Ok(found.filter(|_| asked || baseline.is_empty())),
    }
}

fn earlier(cx: &Context, baseline: &[String]) -> Result<Option<PathBuf>> {
    let mut files = baseline.iter().filter(|one| *one != "incus");
    let first = files.next().map(|file| cx.caller.current_dir.join(Path::new(file)));
    match files.next() {
        Some(second) => {
            Err(Error::usage(format!("only one earlier result can be given, and '{second}' is a second one")))
        }
        None => Ok(first),
    }
}

fn text(report: &Report) -> Text {
    let with_incus = report.rows.iter().any(|row| row.incus.is_some());
    let with_before = report.rows.iter().any(|row| row.before.is_some());
    let mut head = vec!["", "cci", "spread", "floor", "ratio"];
    head.extend(with_incus.then_some("incus"));
    head.extend(with_before.then_some("before"));
    head.push("target");
    let cells = |row: &Row| {
        let mut cells = vec![
            row.what.clone(),
            median(row.cci, row.unit),
            row.cci.map(|cci| format!("{:.1}", cci.spread)).unwrap_or_default(),
            median(row.floor, row.unit),
            row.ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
        ];
        cells.extend(with_incus.then(|| median(row.incus, row.unit)));
        cells.extend(with_before.then(|| row.before.map(|before| number(before, row.unit)).unwrap_or_default()));
        cells.push(target(row));
        cells
    };
    figures(head, report.rows.iter().map(cells), 1..5).with("").with(machine(&report.machine, report.runs))
}

fn machine(machine: &Machine, runs: u32) -> String {
    format!(
        "cci {}, Incus {}, kernel {}, pool {} ({}), {} processors, {:.1} GiB, load {:.1}, image {}, network {}; medians of {runs}",
        machine.cci,
        machine.incus,
        machine.kernel,
        machine.pool,
        machine.driver,
        machine.cpus,
        f64::from(u32::try_from(machine.memory_mib).unwrap_or(u32::MAX)) / 1024.0,
        machine.load,
        machine.image,
        machine.network,
    )
}

fn median(summary: Option<Summary>, unit: Unit) -> String {
    summary.map(|summary| number(summary.median, unit)).unwrap_or_default()
}

fn number(number: f64, unit: Unit) -> String {
    format!("{number:.1} {}", unit.word())
}

fn target(row: &Row) -> String {
    if let Some(problem) = &row.problem {
        return format!("failed: {}", shown(problem));
    }
    let told = row.targets.iter().filter(|verdict| verdict.met.is_some()).map(|verdict| {
        let target = match verdict.target {
            Target::Floor { factor, extra: 0.0 } => format!("≤ {factor} × floor"),
            Target::Floor { factor: 1.0, extra } => format!("≤ floor + {extra} {}", row.unit.word()),
            Target::Floor { factor, extra } => format!("≤ {factor} × floor + {extra} {}", row.unit.word()),
            Target::Incus { factor } => format!("≤ {factor} × incus"),
            Target::Absolute { limit } => format!("≤ {limit} {}", row.unit.word()),
        };
        format!("{target}: {}", if verdict.met == Some(true) { "met" } else { "missed" })
    });
    told.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Subject;

    #[test]
    fn a_row_says_what_was_asked_and_whether_it_is_met() {
        let subject = Subject {
            key: "run",
            what: "run",
            floor: "create",
            unit: Unit::Ms,
            targets: &[
                Target::Floor { factor: 1.25, extra: 30.0 },
                Target::Incus { factor: 0.45 },
                Target::Floor { factor: 1.0, extra: 10.0 },
            ],
        };
        let row = Row::new(&subject, &[120.0], &[100.0], &[], None);
        assert_eq!(target(&row), "≤ 1.25 × floor + 30 ms: met, ≤ floor + 10 ms: missed");
        let failed = Row::new(&subject, &[], &[], &[], Some("no image".into()));
        assert_eq!(target(&failed), "failed: no image");
    }
}
