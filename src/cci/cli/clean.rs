//! `cci clean`: removes leftovers.

use std::time::Duration;

use cci_core::Result;
use cci_guest::GuestText;
use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::{Format, FormatArg, print};
use super::question::Question;
use super::verb::{Call, OnIncus, Verb};
use crate::ui::size::human;
use crate::ui::terminal::Terminal;
use crate::ui::text::Text;
use cci_engine::checkpoint::expired::Expired;
use cci_engine::context::Context;
use cci_engine::upkeep::clean::{self, Leftovers, Wanted};
use cci_host::settings::Trust;

/// Remove stopped containers, and saved sessions if asked
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
#[command(after_help = "Examples:\n  cci clean\n  cci clean --sessions --older-than 30d\n  cci clean --all --dry-run")]
pub(crate) struct CleanArgs {
    /// Remove saved sessions that have no container
    #[arg(long)]
    sessions: bool,
    /// Remove containers and sessions
    #[arg(long)]
    all: bool,
    /// Remove every checkpoint but the current ones, not only those that are no longer kept
    #[arg(long)]
    checkpoints: bool,
    /// Only what is at least this old: 12h, 30d, 4w
    #[arg(long, value_name = "AGE", value_parser = age)]
    older_than: Option<Duration>,
    /// Show what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    force: bool,
    #[command(flatten)]
    format: FormatArg,
}

/// What `--format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci clean")]
struct Outcome {
    containers: Vec<OldContainer>,
    sessions: Vec<OldSession>,
    /// Networks that nothing uses.
    networks: Vec<String>,
    checkpoints: Vec<OldCheckpoints>,
    /// The disk space that is freed, as far as it is known.
    bytes: u64,
    /// How many of these were removed: none with `--dry-run`, or if the user declined.
    removed: usize,
}

/// A container that can be removed.
#[derive(Debug, Serialize, JsonSchema)]
struct OldContainer {
    name: String,
    why: &'static str,
    /// Its disk space; `null` where the storage pool does not count it.
    bytes: Option<u64>,
}

/// A session that can be removed.
#[derive(Debug, Serialize, JsonSchema)]
struct OldSession {
    session_id: String,
    workspace: String,
    bytes: u64,
}

/// Checkpoints of a workspace that can be removed.
#[derive(Debug, Serialize, JsonSchema)]
struct OldCheckpoints {
    workspace: String,
    ids: Vec<String>,
    /// The disk space of their containers; `null` where the storage pool does not count it.
    bytes: Option<u64>,
}

impl Outcome {
    fn new(leftovers: &Leftovers, removed: usize) -> Self {
        let container =
            |old: &clean::OldContainer| OldContainer { name: old.name.clone(), why: old.why, bytes: old.bytes };
        let session = |old: &clean::OldSession| OldSession {
            session_id: old.id.to_string(),
            workspace: old.workspace.clone(),
            bytes: old.bytes,
        };
        let checkpoints = |old: &Expired| OldCheckpoints {
            workspace: old.workspace.to_string_lossy().into_owned(),
            ids: old.ids.iter().map(ToString::to_string).collect(),
            bytes: old.bytes,
        };
        Self {
            containers: leftovers.containers.iter().map(container).collect(),
            sessions: leftovers.sessions.iter().map(session).collect(),
            networks: leftovers.networks.iter().map(|unused| unused.name.to_string()).collect(),
            checkpoints: leftovers.checkpoints.expired.iter().map(checkpoints).collect(),
            bytes: freed(leftovers),
            removed,
        }
    }
}

impl Verb for CleanArgs {
    const SCHEMAS: &'static [Described] = &[Described::new::<Outcome>("clean", "what was or would be removed")];

    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[LaunchFlag::Persistent, LaunchFlag::Config]
    }

    fn format(&self) -> Option<Format> {
        Some(self.format.format)
    }
}

impl OnIncus for CleanArgs {
    fn trust(&self) -> Trust {
        Trust::LeftOut
    }

    fn clears_up(&self) -> bool {
        true
    }

    async fn run(self, call: &Call<'_>, cx: &Context) -> Result<u8> {
        let wanted = Wanted {
            containers: self.all || !(self.sessions || self.checkpoints),
            sessions: self.all || self.sessions,
            checkpoints: self.checkpoints,
            persistent: call.flags.launch.persistent == Some(true),
            older_than: self.older_than,
        };
        let leftovers = clean::find(cx, wanted).await?;
        if self.format.format == Format::Json {
            return as_json(&self, &leftovers, cx, call.terminal).await;
        }
        if leftovers.count() == 0 {
            return Terminal::result(&Text::one("Nothing to clean")).map(|()| 0);
        }
        Terminal::result(&text(&leftovers))?;
        if self.dry_run {
            return Ok(0);
        }
        if !self.force && !confirmed(call.terminal).await? {
            return Terminal::result(&Text::one("Cancelled.")).map(|()| 0);
        }
        let asked = leftovers.count();
        let gone = clean::remove(cx, &leftovers).await?;
        Terminal::result(&Text::one(format_args!("Removed {gone} of {asked}")))?;
        cci_engine::instance::shutdown::verdict(asked, gone).map(|()| 0)
    }
}

/// The same as one object, printed when the outcome is known.
async fn as_json(args: &CleanArgs, leftovers: &Leftovers, cx: &Context, terminal: &Terminal) -> Result<u8> {
    let asked = leftovers.count();
    let wanted = asked > 0 && !args.dry_run && (args.force || confirmed(terminal).await?);
    let removed = if wanted { clean::remove(cx, leftovers).await? } else { 0 };
    print(Format::Json, &Outcome::new(leftovers, removed), |_| Text::default())?;
    if wanted { cci_engine::instance::shutdown::verdict(asked, removed).map(|()| 0) } else { Ok(0) }
}

async fn confirmed(terminal: &Terminal) -> Result<bool> {
    Question { text: "Remove these?", act: "remove these", flag: "--force" }.confirmed(terminal).await
}

fn text(leftovers: &Leftovers) -> Text {
    let containers = leftovers.containers.iter().map(|old| {
        let size = old.bytes.map(|bytes| format!(", {}", human(bytes))).unwrap_or_default();
        format!("  container {} ({}{size})", old.name, old.why)
    });
    let sessions = leftovers
        .sessions
        .iter()
        .map(|old| format!("  session {} of {} ({})", old.id, old.workspace, human(old.bytes)));
    let networks = leftovers.networks.iter().map(|unused| format!("  network {} (unused)", unused.name));
    let checkpoints = leftovers.checkpoints.expired.iter().map(|old| {
        let size = old.bytes.map(|bytes| format!(" ({})", human(bytes))).unwrap_or_default();
        format!("  {} checkpoint(s) of {}{size}", old.ids.len(), GuestText::new(&old.workspace))
    });
    let orphans = leftovers.checkpoints.orphans.iter();
    let orphans = orphans.map(|orphan| format!("  container {} (of no checkpoint)", orphan.root.instance));
    let head = std::iter::once("To be removed:".to_owned());
    let all = head.chain(containers).chain(sessions).chain(networks).chain(checkpoints).chain(orphans);
    all.chain(total(leftovers)).collect()
}

/// The disk space of all that has some.
fn total(leftovers: &Leftovers) -> Option<String> {
    let unknown = leftovers.containers.iter().filter(|old| old.bytes.is_none()).count();
    let more = format!("the disk space of {unknown} container(s), which the storage pool does not count");
    match (freed(leftovers), unknown) {
        (0, 0) => None,
        (0, _) => Some(format!("Frees {more}")),
        (freed, 0) => Some(format!("Frees {}", human(freed))),
        (freed, _) => Some(format!("Frees {}, and {more}", human(freed))),
    }
}

/// What is known of the disk space.
fn freed(leftovers: &Leftovers) -> u64 {
    let containers = leftovers.containers.iter().filter_map(|old| old.bytes);
    let checkpoints = leftovers.checkpoints.expired.iter().filter_map(|old| old.bytes);
    containers.chain(leftovers.sessions.iter().map(|old| old.bytes)).chain(checkpoints).sum()
}

/// `90s`, `15m`, `12h`, `30d`, `4w`
fn age(raw: &str) -> Result<Duration, String> {
    let refused = || "expected a number followed by s, m, h, d or w, such as 30d".to_owned();
    let span: jiff::Span = raw.parse().map_err(|_| refused())?;
    let days = jiff::SpanRelativeTo::days_are_24_hours();
    let age = span.to_duration(days).ok().and_then(|age| Duration::try_from(age).ok()).ok_or_else(refused)?;
    // a span allows more than an age: signs, words, several units
    let is_plain = raw.bytes().rev().skip(1).all(|byte| byte.is_ascii_digit());
    if is_plain { Ok(age) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_a_unit() {
        assert_eq!(age("30d"), Ok(Duration::from_secs(30 * 86_400)));
        for raw in ["", "30", "d", "-1d", "3ü", "99999999999999999999s", "1d2h", "3 days", "+3d", "0.5d", "P1D"] {
            assert!(age(raw).is_err(), "{raw}");
        }
    }
}
