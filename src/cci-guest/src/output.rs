//! A container's output, safe to show: the last lines of what failed.

use crate::text::GuestText;

/// How many of a step's last lines are shown.
pub const LAST_LINES: usize = 20;
/// How long a shown line may be.
const LINE: usize = 300;

/// All of it, trimmed.
#[must_use]
pub fn whole(printed: &[u8]) -> GuestText {
    GuestText::lines(printed.trim_ascii())
}

/// The last three non-empty lines, in one line.
///
/// ```
/// use cci_guest::output::last_lines;
///
/// assert_eq!(last_lines(b"a\nb\n\nc\x1b[2J\nd\n"), r"b; c\u{1b}[2J; d");
/// ```
#[must_use]
pub fn last_lines(printed: &[u8]) -> String {
    let lines = printed.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let lines: Vec<String> = lines.map(|line| GuestText::of_bytes(line).to_string()).collect();
    lines.get(lines.len().saturating_sub(3)..).unwrap_or_default().join("; ")
}

/// One line.
#[must_use]
pub fn line(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    // a progress bar overwrites itself: its last state is what a user would see
    let line = line.rsplit(|byte| *byte == b'\r').next().unwrap_or_default();
    format!("{:.LINE$}", GuestText::lines(line))
}

/// How a step failed: its status and its last lines.
#[must_use]
pub fn failure<'a>(status: i32, lines: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = match status {
        137 => "it was killed".to_owned(),
        other => format!("exit status {other}"),
    };
    for line in lines {
        text.push_str("\n  ");
        text.push_str(line);
    }
    text
}

/// Whether an error message says that the disk is full.
#[must_use]
pub fn is_disk_full(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["no space left on device", "disk quota exceeded"].iter().any(|words| text.contains(words))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_progress_bar_is_its_last_state_and_escapes_are_seen() {
        assert_eq!(line(b"10%\r50%\r100% done\r\n"), "100% done");
        assert_eq!(line(b"\x1b[31mred\tx\xff"), "\\u{1b}[31mred\tx\\xff");
    }

    #[test]
    fn the_status_comes_first_and_the_lines_are_indented() {
        assert_eq!(failure(100, ["E: one", "E: two"]), "exit status 100\n  E: one\n  E: two");
        assert_eq!(failure(137, []), "it was killed");
    }

    #[test]
    fn a_full_disk_is_recognised_in_what_dpkg_and_incus_say() {
        assert!(is_disk_full("cannot copy extracted data: failed to write (No space left on device)"));
        assert!(!is_disk_full("E: Unable to locate package"));
    }

    proptest! {
        #[test]
        fn nothing_that_controls_a_terminal_gets_through(line in "(\\PC|[\u{0}-\u{9}\u{b}-\u{1f}\u{7f}-\u{9f}]){0,400}") {
            let shown = super::line(line.as_bytes());
            prop_assert!(shown.chars().all(|c| c == '\t' || !c.is_control()));
            prop_assert!(shown.chars().count() <= LINE);
        }
    }
}
