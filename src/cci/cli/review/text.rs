//! Findings as text: by what runs them, with all that an agent wrote made safe to show.

use cci_guest::GuestText;

use super::Shown;
use crate::ui::count::count;
use crate::ui::text::Text;
use cci_engine::checkpoint::review::look::Found;
use cci_git::review::{How, Sink};

/// So much of a path or a line is shown.
const LONGEST: usize = 160;
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

/// The path of a finding, of any length and with any bytes.
pub(super) fn path(one: &Found) -> String {
    short(&GuestText::new(&one.finding.path).to_string())
}

/// How it came about, in words.
pub(super) fn how(how: How) -> &'static str {
    match how {
        How::New => "new",
        How::Changed => "changed",
        How::Unseen => "could not be looked at",
    }
}

/// A line that an agent wrote: without what steers a terminal, and not too long.
pub(super) fn short(line: &str) -> String {
    let shown = GuestText::new(line).to_string();
    match shown.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_an_agents_is_bounded_and_steers_nothing() {
        assert_eq!(short("a\x1b[2Jb\nc"), r"a\u{1b}[2Jb\nc");
        let long = short(&"ä".repeat(4096));
        assert_eq!((long.chars().count(), long.ends_with('…')), (LONGEST + 1, true));
    }
}
