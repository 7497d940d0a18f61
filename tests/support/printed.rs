//! What may reach a terminal.

use super::host::Output;

/// A name with everything that a name should not have: an escape sequence that sets the title, an override of the direction
/// of writing, a forged line, a colour in one byte, a deletion, a character without width.
pub const HOSTILE: &str = "p\u{1b}]0;x\u{7}\u{202e}txt\nfake: \u{9b}31m\u{7f}\u{200b}end";

/// The same as cci shows it.
pub const SHOWN: &str = r"p\u{1b}]0;x\u{7}\u{202e}txt\nfake: \u{9b}31m\u{7f}\u{200b}end";

/// Fails where something that steers a terminal or hides is on stdout or stderr, or where a name has made a line.
#[track_caller]
pub fn is_harmless(out: &Output) {
    for text in [&out.stdout, &out.stderr] {
        let bad = text.chars().find(|c| {
            (c.is_control() && !matches!(c, '\n' | '\t'))
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        });
        assert_eq!(bad, None, "{out:?}");
        assert!(!text.lines().any(|line| line.starts_with("fake: ")), "a name made a line: {out}");
    }
}

/// [`HOSTILE`] as a text in double quotes of ASCII alone, which TOML, YAML and JSON read alike.
pub fn quoted() -> String {
    let escaped =
        |c: char| if c.is_ascii_graphic() || c == ' ' { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) };
    format!("\"{}\"", HOSTILE.chars().map(escaped).collect::<String>())
}
