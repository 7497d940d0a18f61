//! `cci audit`: what sessions ran and connected to, and whether the record of it is as it was written.

mod lines;
mod words;

use cci_core::Result;
use clap::{Args, Subcommand};

use self::lines::LinesArgs;
use super::json_schema::Described;
use super::output::{Format, FormatArg, print};
use super::verb::{Call, OnIncus, Verb};
use crate::ui::count::count;
use crate::ui::text::Text;
use cci_engine::audit::{self, Entry, Verified};
use cci_engine::context::Context;
use cci_guest::GuestText;

pub(super) use self::lines::LinesArgs as Lines;
pub(super) use self::lines::show;

/// Show and verify what sessions ran and connected to
///
/// A session that the supervisor watches has a record below ~/.cci/audit: its start and end, its connections by name, its checkpoints, and the agent's commands as its transcript has them. Each line carries the hash of the one before.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cci audit show cci-9c09f805-1 --follow\n  cci audit verify")]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    verb: AuditVerb,
}

#[derive(Debug, Subcommand)]
enum AuditVerb {
    /// What happened, the newest last
    #[command(
        after_help = "Examples:\n  cci audit show\n  cci audit show cci-9c09f805-1 --follow\n  cci audit show --format=json | jq -r '.[] | select(.event == \"command\") | .command'"
    )]
    Show(LinesArgs),
    /// Whether every record is as it was written; fails at the first line that is not
    #[command(
        after_help = "Examples:\n  cci audit verify\n  cci audit verify --format=json | jq .whole\n\nA line that was changed, added, moved or removed is found. What was cut off at the end, or a record that is gone, is found by the link beside it (SESSION.end); whoever changes that too is not."
    )]
    Verify {
        #[command(flatten)]
        format: FormatArg,
    },
}

impl Verb for AuditArgs {
    const SCHEMAS: &'static [Described] = &[
        Described::new::<Vec<Entry>>("audit-show", "what sessions ran and connected to"),
        Described::new::<Verified>("audit-verify", "whether records are as they were written"),
    ];

    fn format(&self) -> Option<Format> {
        match &self.verb {
            AuditVerb::Show(lines) => Some(lines.format.format),
            AuditVerb::Verify { format } => Some(format.format),
        }
    }
}

impl OnIncus for AuditArgs {
    async fn run(self, _: &Call<'_>, cx: &Context) -> Result<u8> {
        match &self.verb {
            AuditVerb::Show(lines) => show(lines, &[], cx, words::line).await,
            AuditVerb::Verify { format } => {
                let verified = audit::verify(cx).await?;
                print(format.format, &verified, text)?;
                Ok(u8::from(!verified.whole))
            }
        }
    }
}

fn text(verified: &Verified) -> Text {
    let mut out = Text::default();
    for broken in verified.records.iter().filter_map(|record| record.broken.as_ref()) {
        let path = GuestText::new(&broken.path);
        out.line(format_args!("{path}:{}: does not follow the line before it", broken.line));
    }
    for record in verified.records.iter().filter(|record| record.cut) {
        out.line(format_args!("{}: what was written last is missing", record.session));
    }
    let lines: usize = verified.records.iter().map(|record| record.lines).sum();
    let records = count(verified.records.len(), "record", "records");
    if verified.whole {
        out.line(format_args!("{records}, {}: as they were written", count(lines, "line", "lines")));
    }
    out
}
