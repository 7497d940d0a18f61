//! `cci log`: the checkpoints of a workspace.

use cci_core::Result;
use cci_guest::GuestText;
use clap::Args;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::graph;
use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::{Format, FormatArg, print};
use super::shell::slot;
use super::verb::{Call, OnIncus, Verb};
use crate::ui::count::count;
use crate::ui::text::Text;
use cci_engine::checkpoint::log::{self, Logged};
use cci_engine::context::Context;

/// Show the checkpoints of this workspace, newest first
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cci log\n  cci log --graph --all                 with forks, and which descends from which\n  cci log --format=json | jq -r '.checkpoints[0].id'"
)]
pub(crate) struct LogArgs {
    /// Include the checkpoints of forks
    #[arg(long)]
    all: bool,
    /// Draw which one descends from which
    #[arg(long)]
    graph: bool,
    #[command(flatten)]
    format: FormatArg,
}

/// What `--format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci log")]
struct Log {
    /// Newest first.
    checkpoints: Vec<Logged>,
}

impl Verb for LogArgs {
    const SCHEMAS: &'static [Described] = &[Described::new::<Log>("log", "the checkpoints of a workspace")];

    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[LaunchFlag::Workspace, LaunchFlag::Slot, LaunchFlag::Config]
    }

    fn format(&self) -> Option<Format> {
        Some(self.format.format)
    }
}

impl OnIncus for LogArgs {
    async fn run(self, call: &Call<'_>, cx: &Context) -> Result<u8> {
        let checkpoints = log::log(cx, slot(call.flags.launch.slot)?, self.all).await?;
        print(self.format.format, &Log { checkpoints }, |log| text(&log.checkpoints, self.graph))
    }
}

fn text(checkpoints: &[Logged], graph: bool) -> Text {
    if checkpoints.is_empty() {
        return Text::one("No checkpoints");
    }
    let margins = if graph { graph::margins(checkpoints) } else { Vec::new() };
    let mut out = Text::default();
    for (n, one) in checkpoints.iter().enumerate() {
        let margin = margins.get(n).map(String::as_str).unwrap_or_default();
        out.line(format_args!("{margin}{}", line(one)));
    }
    out
}

/// The id, the age, the cause, what changed, what it was about, and what it does not hold.
fn line(one: &Logged) -> String {
    let about = if one.message.is_empty() { &one.prompt } else { &one.message };
    let about = if about.is_empty() { String::new() } else { format!("  {}", GuestText::new(about)) };
    let lacking = lacking(one);
    let lacking = if lacking.is_empty() { String::new() } else { format!("  ({})", lacking.join(", ")) };
    format!(
        "{} {}  {:>4}  {:<13}  {:<9}{about}{lacking}",
        if one.current { '*' } else { ' ' },
        one.id,
        age(&one.at),
        one.cause,
        count(one.files_changed, "file", "files"),
    )
}

/// What it does not hold.
fn lacking(one: &Logged) -> Vec<String> {
    let parts = ["container", "workspace", "conversation"];
    let missing = parts.into_iter().filter(|part| !one.holds.iter().any(|held| held == part));
    let mut lacking: Vec<String> = missing.map(|part| format!("no {part}")).collect();
    if !one.not_held.is_empty() {
        lacking.push(count(one.not_held.len(), "file not held", "files not held"));
    }
    lacking
}

/// `12s`, `5m`, `3h` or `9d`.
fn age(at: &str) -> String {
    let Ok(at) = at.parse::<Timestamp>() else { return "?".into() };
    let seconds = Timestamp::now().duration_since(at).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}
