//! `cci network learn`: the allowlist that a session needs.

use std::path::Path;

use cci_core::Result;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use schemars::JsonSchema;
use serde::Serialize;

use super::allow::File;
use crate::cli::complete;
use crate::cli::output::{FormatArg, print};
use crate::cli::verb::Call;
use crate::ui::count::count;
use crate::ui::text::Text;
use cci_engine::configuration::allowed::{self, Written};
use cci_engine::context::Context;
use cci_engine::network::{self, Learnt, LearntHost};
use cci_guest::GuestText;

#[derive(Debug, Args)]
pub(super) struct LearnArgs {
    /// A container or a session; without it all sessions in mode learn
    #[arg(add = ArgValueCandidates::new(complete::containers))]
    name: Option<String>,
    /// Add what does not look odd to the allowed domains of this file
    #[arg(long, value_name = "FILE")]
    write: Option<File>,
    #[command(flatten)]
    pub(super) format: FormatArg,
}

/// What `network learn --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci network learn")]
pub(super) struct Done {
    /// What was asked for.
    #[serde(flatten)]
    learnt: Learnt,
    /// What was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Written")]
    written: Option<Written>,
}

pub(super) async fn run(args: &LearnArgs, call: &Call<'_>, cx: &Context) -> Result<u8> {
    let learnt = network::learn(cx, args.name.as_deref()).await?;
    let write = |file: File| {
        let plain = learnt.hosts.iter().filter(|host| !host.suspect);
        let entries: Vec<String> = plain.map(|host| host.entry.clone()).collect();
        allowed::add(&call.flags.launch.configured()?, &entries, file == File::Project)
    };
    let written = args.write.map(write).transpose()?;
    print(args.format.format, &Done { learnt, written }, text)
}

fn text(done: &Done) -> Text {
    let Done { learnt: Learnt { hosts, nameless, unwritten }, written } = done;
    let mut out = Text::default();
    let widest = hosts.iter().map(|host| host.entry.len()).max().unwrap_or_default();
    for LearntHost { entry, times, odd, .. } in hosts {
        let odd = if odd.is_empty() { String::new() } else { format!("  ({})", odd.join(", ")) };
        out.line(format_args!("{entry:widest$}  {times:>6}{odd}"));
    }
    if hosts.is_empty() {
        out.line("Nothing was asked for by name: start a session with `--network learn`, and let it do its work");
    }
    if *nameless > 0 {
        out.line(format_args!("{nameless} more named no host: an allowlist refuses these"));
    }
    if *unwritten > 0 {
        out.line(format_args!("{unwritten} more were not recorded"));
    }
    if let Some(Written { path, added, approve }) = written {
        let path = GuestText::new(Path::new(path));
        out.line(format_args!("{path} has {} more", count(added.len(), "entry", "entries")));
        for LearntHost { entry, odd, .. } in hosts.iter().filter(|host| host.suspect) {
            if odd.contains(&"near") {
                out.line(format_args!(
                    "{entry} leads where no name may, and was left out: `network.hosts` opens single services"
                ));
                continue;
            }
            out.line(format_args!("{entry} looks odd and was left out: `cci network allow --write user {entry}`"));
        }
        if *approve {
            out.line("It allows more than your own configuration: approve it with `cci config trust`");
        }
    }
    out
}
