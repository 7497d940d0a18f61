//! Text that cci did not write, made safe for a screen.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

/// Text of a container, a project, a file system or a server, safe to show.
///
/// Characters that control a terminal, change the direction of writing or are invisible are shown as escapes such as
/// `\u{202e}`, bytes that are not UTF-8 as `\xff`. Letters of all scripts are kept, and so is a backslash: showing a
/// text twice does not change it again.
///
/// ```
/// use cci_guest::GuestText;
///
/// let branch = GuestText::new("main\u{202e}\x1b[2Jcod.exe\n");
/// assert_eq!(branch.to_string(), r"main\u{202e}\u{1b}[2Jcod.exe\n");
/// assert_eq!(GuestText::lines("one\n\ttwo\r").to_string(), "one\n\ttwo\\r");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct GuestText {
    bytes: Vec<u8>,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A name or another text of one line.
    Name,
    /// Several lines of text.
    Lines,
}

impl GuestText {
    /// A name, a path or another text of one line: a newline in it is shown as `\n`.
    #[must_use]
    pub fn new(text: impl AsRef<OsStr>) -> Self {
        Self::of_bytes(text.as_ref().as_bytes())
    }

    /// The same for bytes that need not be UTF-8.
    #[must_use]
    pub fn of_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), form: Form::Name }
    }

    /// Several lines, such as the last output of a program: newlines and tabs are kept, and so are joiners of letters
    /// and emoji, because this is text and not names that have to be told apart.
    #[must_use]
    pub fn lines(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), form: Form::Lines }
    }

    fn shown(&self) -> String {
        let mut shown = String::with_capacity(self.bytes.len());
        for chunk in self.bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                if self.form.keeps(c) { shown.push(c) } else { shown.extend(c.escape_default()) }
            }
            shown.extend(chunk.invalid().iter().flat_map(|byte| byte.escape_ascii()).map(char::from));
        }
        shown
    }
}

impl Form {
    fn keeps(self, c: char) -> bool {
        match self {
            Self::Name => !is_unseen(c),
            Self::Lines => matches!(c, '\n' | '\t') || joins(c) || !is_unseen(c),
        }
    }
}

impl fmt::Display for GuestText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.shown())
    }
}

impl fmt::Debug for GuestText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "\"{self}\"")
    }
}

/// Whether a character controls a terminal, breaks a line, changes the direction of writing, or is invisible.
///
/// These are the control characters, the separators of lines and paragraphs, and what Unicode calls default ignorable.
#[must_use]
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Characters that join or separate letters, or choose the form of an emoji.
fn joins(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_steers_a_terminal_or_hides_is_shown_as_an_escape() {
        let cases = [
            ("\x1b]0;x\x07\u{202e}txt\nfake", r"\u{1b}]0;x\u{7}\u{202e}txt\nfake"),
            ("a\r\tb\u{7f}\u{9b}31m", r"a\r\tb\u{7f}\u{9b}31m"),
            ("a\u{200b}b\u{200d}c\u{feff}\u{e0041}\u{fe0f}", r"a\u{200b}b\u{200d}c\u{feff}\u{e0041}\u{fe0f}"),
            ("\u{2066}x\u{2069}\u{2028}\u{ad}\u{61c}\u{fff9}", r"\u{2066}x\u{2069}\u{2028}\u{ad}\u{61c}\u{fff9}"),
        ];
        for (text, want) in cases {
            assert_eq!(GuestText::new(text).to_string(), want);
        }
    }

    #[test]
    fn letters_of_all_scripts_and_backslashes_stay() {
        for text in
            ["/home/u/proj", "grüße, мир", "日本語 한국어", "עברית عربي", "हिन्दी", "🦀", r"C:\new\u{202e}", "a b'\""]
        {
            assert_eq!(GuestText::new(text).to_string(), text);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_told_apart() {
        let shown = |bytes: &[u8]| GuestText::new(OsStr::from_bytes(bytes)).to_string();
        assert_eq!(shown(b"a\xff\xfe"), r"a\xff\xfe");
        assert_ne!(shown(b"a\xff"), shown(b"a\xfe"));
        assert_eq!(GuestText::lines(b"1\n\xe2\x82"), GuestText::lines(b"1\n\xe2\x82"));
    }

    #[test]
    fn lines_keep_their_ends_and_joined_pictures() {
        let text = "one\n\ttwo 👩\u{200d}💻\u{fe0f}";
        assert_eq!(GuestText::lines(text).to_string(), text);
        assert_eq!(GuestText::lines("10%\r\x1b[31m").to_string(), r"10%\r\u{1b}[31m");
    }

    #[test]
    fn width_and_length_are_those_of_what_is_seen() {
        assert_eq!(format!("{:5}|{:.3}", GuestText::new("a\n"), GuestText::new("abcdef")), r"a\n  |abc");
    }

    proptest! {
        #[test]
        fn no_bytes_at_all_get_through(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(!GuestText::of_bytes(bytes.clone()).to_string().chars().any(is_unseen));
            let lines = GuestText::lines(bytes).to_string();
            prop_assert!(lines.chars().all(|c| matches!(c, '\n' | '\t') || joins(c) || !is_unseen(c)));
        }

        #[test]
        fn no_character_gets_through(text in prop::collection::vec(any::<char>(), 0..100)) {
            let text: String = text.into_iter().collect();
            prop_assert!(!GuestText::new(&text).to_string().chars().any(is_unseen));
        }

        #[test]
        fn what_can_be_seen_stays_and_a_second_time_changes_nothing(text in "\\PC{0,100}", raw in any::<String>()) {
            if !text.chars().any(is_unseen) {
                prop_assert_eq!(GuestText::new(&text).to_string(), text);
            }
            let once = GuestText::new(&raw).to_string();
            prop_assert_eq!(GuestText::lines(once.as_str()).to_string(), once);
        }
    }
}
