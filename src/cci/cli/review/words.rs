//! A finding in a few words, with all that an agent wrote made safe to show.

use cci_engine::checkpoint::review::look::Found;
use cci_git::review::How;
use cci_guest::GuestText;

/// So much of a path or a line is shown.
const LONGEST: usize = 160;

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
