//! Findings as text: by what runs them, with all that an agent wrote made safe to show.

use super::shown::Shown;
use super::words::{how, path, short};
use crate::ui::count::count;
use crate::ui::text::Text;
use cci_engine::checkpoint::review::look::Found;
use cci_git::review::Sink;

/// So many findings of a group are shown.
const MOST: usize = 50;
/// So many lines about one of them.
const DETAILS: usize = 5;

/// What was done, then what is left.
pub(super) fn text(shown: &Shown, findings: &[Found]) -> Text {
    let mut out = Text::default();
    for one in &shown.reverted {
        out.line(format_args!("Put back {}", short(&one.path)));
    }
    if !shown.quarantine.is_empty() {
        out.line(format_args!("Their files are in {}", shown.quarantine));
    }
    if !shown.accepted.is_empty() {
        out.line(format_args!("Accepted {}", count(shown.accepted.len(), "finding", "findings")));
    }
    for sink in Sink::ALL {
        group(&mut out, sink, &findings.iter().filter(|one| one.finding.sink == sink).collect::<Vec<_>>());
    }
    out
}

fn group(out: &mut Text, sink: Sink, findings: &[&Found]) {
    if findings.is_empty() {
        return;
    }
    out.line(sink);
    for one in findings.iter().take(MOST) {
        out.line(format_args!("  {}  {} ({})", one.id, path(one), how(one.finding.how)));
        let margin = " ".repeat(one.id.len() + 4);
        for line in one.finding.detail.iter().take(DETAILS) {
            out.line(format_args!("{margin}{}", short(line)));
        }
        if one.finding.detail.len() > DETAILS {
            out.line(format_args!("{margin}and {} more", one.finding.detail.len() - DETAILS));
        }
    }
    if findings.len() > MOST {
        out.line(format_args!("  and {} more (`--format json` has all)", findings.len() - MOST));
    }
}
