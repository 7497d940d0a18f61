//! The prompt that a session begins with.

use std::fmt;

/// The longest prompt, in bytes.
pub const LONGEST: usize = 1 << 20;

/// A prompt that an agent can be given: text, not blank, at most [`LONGEST`] bytes.
///
/// ```
/// use cci_core::prompt::{Prompt, Wrong};
///
/// assert_eq!(Prompt::new(b"fix it\n".to_vec()).unwrap().typed(), "fix it");
/// assert_eq!(Prompt::new(b" \n".to_vec()), Err(Wrong::Blank));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Prompt(String);

/// What is wrong with a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// There is nothing in it.
    #[error("is empty")]
    Empty,
    /// There are only blanks in it.
    #[error("has nothing but blanks")]
    Blank,
    /// It is longer than [`LONGEST`].
    #[error("is larger than {} MiB", LONGEST >> 20)]
    TooLarge,
    /// It is no text: its first byte that cannot be is at this offset.
    #[error("is not UTF-8, from byte {0} on")]
    NotText(usize),
    /// It has a NUL at this offset.
    #[error("has a NUL, at byte {0}")]
    Nul(usize),
}

impl Prompt {
    /// Checks the bytes; they stay as they are.
    pub fn new(bytes: Vec<u8>) -> Result<Self, Wrong> {
        if bytes.is_empty() {
            return Err(Wrong::Empty);
        }
        if bytes.len() > LONGEST {
            return Err(Wrong::TooLarge);
        }
        if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
            return Err(Wrong::Nul(at));
        }
        let text = String::from_utf8(bytes).map_err(|error| Wrong::NotText(error.utf8_error().valid_up_to()))?;
        if text.trim().is_empty() { Err(Wrong::Blank) } else { Ok(Self(text)) }
    }

    /// How many bytes it has.
    #[expect(clippy::len_without_is_empty, reason = "none is empty")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All of it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// What is typed of it: Enter replaces the newline at the end of a file.
    #[must_use]
    pub fn typed(&self) -> &str {
        let text = self.0.strip_suffix('\n').unwrap_or(&self.0);
        text.strip_suffix('\r').unwrap_or(text)
    }
}

/// Nobody finds a prompt in a log.
impl fmt::Debug for Prompt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Prompt({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (bytes, wrong) in [
            (&b""[..], Wrong::Empty),
            (b" \t\r\n", Wrong::Blank),
            ("\u{a0}\u{3000}".as_bytes(), Wrong::Blank),
            (b"ab\0c", Wrong::Nul(2)),
            (b"ab\xff", Wrong::NotText(2)),
            // the first half of a character
            (b"\xc3", Wrong::NotText(0)),
            (b"\xff\0", Wrong::Nul(1)),
        ] {
            assert_eq!(Prompt::new(bytes.to_vec()), Err(wrong), "{bytes:?}");
        }
        assert_eq!(Wrong::TooLarge.to_string(), "is larger than 1 MiB");
    }

    #[test]
    fn it_is_at_most_one_mebibyte() {
        assert_eq!(Prompt::new(vec![b'a'; LONGEST]).unwrap().as_bytes().len(), LONGEST);
        assert_eq!(Prompt::new(vec![b'a'; LONGEST + 1]), Err(Wrong::TooLarge));
        assert_eq!(Prompt::new(vec![b' '; LONGEST + 1]), Err(Wrong::TooLarge));
    }

    #[test]
    fn enter_replaces_one_newline_at_the_end() {
        let typed = |text: &str| Prompt::new(text.into()).unwrap().typed().to_owned();
        assert_eq!(typed("a\n"), "a");
        assert_eq!(typed("a\r\n"), "a");
        assert_eq!(typed("a\n\n"), "a\n");
        assert_eq!(typed("\na"), "\na");
    }

    #[test]
    fn no_log_has_it() {
        assert_eq!(format!("{:?}", Prompt::new(b"secret".to_vec()).unwrap()), "Prompt(6 bytes)");
    }

    proptest! {
        #[test]
        fn any_text_stays_as_it_is(text in "[^\\x00]{0,40}a[^\\x00]{0,40}") {
            let prompt = Prompt::new(text.clone().into_bytes()).unwrap();
            prop_assert_eq!(prompt.as_bytes(), text.as_bytes());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(prompt) = Prompt::new(bytes.clone()) {
                prop_assert_eq!(prompt.as_bytes(), &bytes[..]);
            }
        }
    }
}
