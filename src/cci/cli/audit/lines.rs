//! Shows entries of records: the newest, and then what comes.

use std::time::Duration;

use cci_core::{Error, Result};
use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use tokio::time::{MissedTickBehavior, interval};

use crate::cli::complete;
use crate::cli::output::{Format, FormatArg, print};
use crate::ui::terminal::Terminal;
use crate::ui::text::Text;
use cci_engine::audit::{Entry, Log, Wanted};
use cci_engine::context::Context;

/// How often it is looked for what is new.
const LOOKED: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub(crate) struct LinesArgs {
    /// A container or a session; without it all of them
    #[arg(add = ArgValueCandidates::new(complete::containers))]
    name: Option<String>,
    /// How many lines at most, the newest last
    #[arg(long, short = 'n', value_name = "N", default_value_t = 1000)]
    lines: usize,
    /// Go on with what happens; with --format=json, one object a line
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

/// Shows those of these kinds, each as `line` says it.
pub(crate) async fn show(
    args: &LinesArgs,
    kinds: &'static [&'static str],
    cx: &Context,
    line: fn(&Entry) -> String,
) -> Result<u8> {
    let log = Log::of(cx, Wanted { name: args.name.clone(), kinds });
    let (mut log, entries) = log.more(args.lines).await?;
    if !args.follow {
        log.refuse_unknown()?;
        return print(args.format.format, &entries, |entries| entries.iter().map(line).collect());
    }
    let mut ticks = interval(LOOKED);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut new = entries;
    loop {
        if !new.is_empty() {
            Terminal::result(&text(args.format.format, &new, line)?)?;
        }
        ticks.tick().await;
        (log, new) = log.more(usize::MAX).await?;
    }
}

fn text(format: Format, entries: &[Entry], line: fn(&Entry) -> String) -> Result<Text> {
    match format {
        Format::Text => Ok(entries.iter().map(line).collect()),
        Format::Json => {
            let objects = entries.iter().map(serde_json::to_string).collect::<std::result::Result<Vec<_>, _>>();
            Ok(objects.map_err(|error| Error::Internal(error.to_string()))?.into_iter().collect())
        }
    }
}
