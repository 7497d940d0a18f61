//! What a program has switched on in a terminal, and the bytes that switch it off again.
//!
//! A program that exits by itself does that; one that is killed, or whose connection breaks, leaves the user with a
//! terminal that shows the alternate screen, reports the mouse or hides the cursor.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::escape::{Escapes, Sequence};

/// Private modes that are on unless a program switches them off.
const USUALLY_ON: [u16; 2] = [7, 25];
/// The alternate screen, under its three numbers.
const OTHER_SCREEN: [u16; 3] = [47, 1047, 1049];
/// These save and restore the cursor; they switch nothing on.
const NO_MODES: [u16; 1] = [1048];
/// More than any terminal has: a hostile program can make cci remember only so many.
const MOST: usize = 64;

/// The state of a terminal, as far as what was written to it has changed it.
///
/// ```
/// use cci_guest::modes::Modes;
///
/// let mut modes = Modes::default();
/// modes.written(b"\x1b[?1049h\x1b[?25l\x1b[?2004h");
/// assert_eq!(modes.undo(), b"\x1b[?25h\x1b[?2004l\x1b[?1049l");
/// modes.written(&modes.undo());
/// assert!(modes.undo().is_empty());
/// ```
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the terminal's own")]
pub struct Modes {
    escapes: Escapes,
    /// Private modes that differ from their default.
    private: BTreeSet<u16>,
    /// Other modes that are on.
    ansi: BTreeSet<u16>,
    /// The terminal's own colours that were set, by their number.
    colors: BTreeSet<u16>,
    keypad: bool,
    /// Keys with modifiers are reported, in xterm's way: how many of them.
    other_keys: u16,
    /// A bar shows how far something is.
    progress: bool,
    /// The same in kitty's way: how often it was asked for, and whether it was set.
    kitty_pushed: u16,
    kitty_set: bool,
    cursor_style: bool,
    attributes: bool,
    margins: bool,
    charset: bool,
    /// How many titles were saved.
    titles: u16,
}

impl Modes {
    /// Records what was written to the terminal.
    pub fn written(&mut self, bytes: &[u8]) {
        let mut escapes = std::mem::take(&mut self.escapes);
        escapes.read(bytes, |sequence| match sequence {
            Sequence::Escape(rest) => self.escape(rest),
            Sequence::Csi(params, end) => self.csi(params, end),
            Sequence::Osc(text) => self.osc(text),
        });
        self.escapes = escapes;
    }

    /// The bytes that undo everything; they leave the alternate screen last, so that what is written next appears on the
    /// normal screen.
    #[must_use]
    pub fn undo(&self) -> Vec<u8> {
        let mut undo = String::new();
        if self.escapes.is_open() {
            // ends a sequence that was cut off
            undo.push_str("\x18\x1b\\");
        }
        for mode in &self.private {
            if !OTHER_SCREEN.contains(mode) {
                let usual = if USUALLY_ON.contains(mode) { 'h' } else { 'l' };
                let _ = write!(undo, "\x1b[?{mode}{usual}");
            }
        }
        for mode in &self.ansi {
            let _ = write!(undo, "\x1b[{mode}l");
        }
        for (is_changed, back) in [
            (self.keypad, "\x1b>"),
            (self.other_keys > 0, "\x1b[>4m"),
            (self.progress, "\x1b]9;4;0\x1b\\"),
            (self.kitty_set, "\x1b[=0u"),
            (self.cursor_style, "\x1b[0 q"),
            (self.margins, "\x1b[r"),
            (self.charset, "\x1b(B\x0f"),
            (self.attributes, "\x1b[0m"),
        ] {
            if is_changed {
                undo.push_str(back);
            }
        }
        if self.kitty_pushed > 0 {
            let _ = write!(undo, "\x1b[<{}u", self.kitty_pushed);
        }
        for color in &self.colors {
            let _ = write!(undo, "\x1b]1{color}\x1b\\");
        }
        for mode in self.private.iter().filter(|mode| OTHER_SCREEN.contains(mode)) {
            let _ = write!(undo, "\x1b[?{mode}l");
        }
        for _ in 0..self.titles {
            undo.push_str("\x1b[23;0;0t");
        }
        undo.into_bytes()
    }

    /// What switches on again all that was, in a terminal in which it was undone meanwhile.
    #[must_use]
    pub fn redo(&self) -> Vec<u8> {
        let mut redo = String::new();
        let (screens, others): (Vec<u16>, Vec<u16>) = self.private.iter().partition(|mode| OTHER_SCREEN.contains(mode));
        for mode in screens.into_iter().chain(others) {
            let changed = if USUALLY_ON.contains(&mode) { 'l' } else { 'h' };
            let _ = write!(redo, "\x1b[?{mode}{changed}");
        }
        for mode in &self.ansi {
            let _ = write!(redo, "\x1b[{mode}h");
        }
        if self.keypad {
            redo.push_str("\x1b=");
        }
        if self.other_keys > 0 {
            let _ = write!(redo, "\x1b[>4;{}m", self.other_keys);
        }
        for _ in 0..self.kitty_pushed {
            redo.push_str("\x1b[>1u");
        }
        for _ in 0..self.titles {
            redo.push_str("\x1b[22;0;0t");
        }
        redo.into_bytes()
    }

    fn escape(&mut self, rest: &[u8]) {
        match rest {
            b"=" => self.keypad = true,
            b">" => self.keypad = false,
            b"(B" => self.charset = false,
            [b'(', _] => self.charset = true,
            b"c" => *self = Self::default(),
            _ => {}
        }
    }

    fn csi(&mut self, params: &[u8], end: u8) {
        match (params, end) {
            ([b'?', modes @ ..], b'h' | b'l') => numbers(modes).for_each(|mode| self.private(mode, end == b'h')),
            (modes, b'h' | b'l') => {
                numbers(modes).for_each(|mode| set(&mut self.ansi, mode, end == b'h'));
            }
            ([b'>', rest @ ..], b'm') => {
                let mut numbers = numbers(rest);
                if matches!(numbers.next(), None | Some(4)) {
                    self.other_keys = numbers.next().unwrap_or_default();
                }
            }
            ([b'>', ..], b'u') => self.kitty_pushed = self.kitty_pushed.saturating_add(1).min(16),
            ([b'<', rest @ ..], b'u') => {
                self.kitty_pushed = self.kitty_pushed.saturating_sub(numbers(rest).next().unwrap_or(1).max(1));
            }
            ([b'=', rest @ ..], b'u') => self.kitty_set = numbers(rest).next().is_some_and(|flags| flags > 0),
            ([style @ .., b' '], b'q') => self.cursor_style = numbers(style).next().is_some_and(|style| style > 0),
            (params, b'm') if params.iter().all(|byte| b"0123456789;:".contains(byte)) => {
                self.attributes = !matches!(params, b"" | b"0");
            }
            (margins, b'r') if !margins.starts_with(b"?") => self.margins = !margins.is_empty(),
            (params, b't') => match numbers(params).next() {
                Some(22) => self.titles = self.titles.saturating_add(1).min(16),
                Some(23) => self.titles = self.titles.saturating_sub(1),
                _ => {}
            },
            _ => {}
        }
    }

    fn private(&mut self, mode: u16, on: bool) {
        if !NO_MODES.contains(&mode) {
            set(&mut self.private, mode, on != USUALLY_ON.contains(&mode));
        }
    }

    fn osc(&mut self, text: &[u8]) {
        let mut parts = text.splitn(2, |byte| *byte == b';');
        let number = numbers(parts.next().unwrap_or_default()).next();
        let is_set = parts.next().is_some_and(|value| !value.is_empty() && value != b"?");
        match number {
            Some(color @ 10..=19) if is_set => set(&mut self.colors, color, true),
            Some(9) => {
                let mut order = numbers(text).skip(1);
                if order.next() == Some(4) {
                    self.progress = order.next().is_some_and(|state| state > 0);
                }
            }
            Some(reset @ 110..=119) => set(&mut self.colors, reset - 100, false),
            _ => {}
        }
    }
}

fn set(modes: &mut BTreeSet<u16>, mode: u16, on: bool) {
    if !on {
        modes.remove(&mode);
    } else if modes.len() < MOST {
        modes.insert(mode);
    }
}

/// The numeric parameters; others are skipped.
fn numbers(params: &[u8]) -> impl Iterator<Item = u16> {
    params.split(|byte| matches!(byte, b';' | b':')).filter_map(|part| std::str::from_utf8(part).ok()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn undo(written: &[u8]) -> String {
        let mut modes = Modes::default();
        modes.written(written);
        modes.undo().escape_ascii().to_string()
    }

    #[test]
    fn what_tmux_switches_on_is_switched_off_and_the_other_screen_left_last() {
        // as tmux 3.3a begins on an xterm, with a program that hides the cursor
        let begun = b"\x1b[?1049h\x1b[22;0;0t\x1b[?1h\x1b=\x1b[H\x1b[2J\x1b[?12l\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1005l\
            \x1b(B\x1b[m\x1b[?12l\x1b[?25h\x1b[?1006h\x1b[?1002h\x1b[?1004h\x1b[?2004h\x1b[>4;2m\x1b[1;34r\x1b[?25l\x1b[38;5;2mhello";
        let undone = undo(begun);
        for off in ["[?1l", "[?25h", "[?1002l", "[?1004l", "[?1006l", "[?2004l", "x1b>", "[>4m", "[r", "[0m", "[?1049l"]
        {
            assert!(undone.contains(off), "{off} is not in {undone}");
        }
        assert!(undone.ends_with(r"\x1b[?1049l\x1b[23;0;0t"), "{undone}");
    }

    #[test]
    fn a_program_that_put_everything_back_leaves_nothing_to_do() {
        assert_eq!(
            undo(b"\x1b[?1049h\x1b[?25l\x1b[1mx\x1b[m\x1b[?25h\x1b[?1049l\x1b]12;red\x07\x1b]112\x07\x1b[>1u\x1b[<u"),
            ""
        );
        assert_eq!(undo("plain text, \u{9b}31m and \u{1b}[31mred\u{1b}[0m".as_bytes()), "");
    }

    #[test]
    fn a_terminal_that_was_given_back_is_as_it_was_when_it_is_taken_again() {
        let mut modes = Modes::default();
        modes.written(b"\x1b[?1049h\x1b[22;0;0t\x1b[?25l\x1b[?1003h\x1b=\x1b[>4;2m\x1b[>1u");
        assert_eq!(
            modes.redo().escape_ascii().to_string(),
            r"\x1b[?1049h\x1b[?25l\x1b[?1003h\x1b=\x1b[>4;2m\x1b[>1u\x1b[22;0;0t"
        );
        let before = modes.undo();
        modes.written(&before);
        assert!(modes.redo().is_empty());
    }

    #[test]
    fn a_bar_that_shows_progress_is_taken_away() {
        assert_eq!(undo(b"\x1b]9;4;1;50\x07"), r"\x1b]9;4;0\x1b\\");
        assert_eq!(undo(b"\x1b]9;4;1;50\x07\x1b]9;4;0\x07\x1b]9;done\x07"), "");
    }

    #[test]
    fn a_sequence_that_was_cut_off_is_ended_first() {
        assert_eq!(undo(b"\x1b[?25l\x1b]0;a title without an e"), r"\x18\x1b\\\x1b[?25h");
    }

    #[test]
    fn the_keys_of_kitty_are_given_back_as_often_as_they_were_asked_for() {
        assert_eq!(undo(b"\x1b[>1u\x1b[>3u"), r"\x1b[<2u");
        assert_eq!(undo(b"\x1b[=1;1u"), r"\x1b[=0u");
    }

    proptest! {
        #[test]
        fn whatever_was_written_nothing_is_left_on(
            written in prop::collection::vec(
                prop_oneof![
                    any::<u8>().prop_map(|byte| vec![byte]),
                    "\x1b\\[[?>=<]?[0-9]{1,4}(;[0-9]{1,4})?[hlmurtq]".prop_map(String::into_bytes),
                    "\x1b\\][0-9]{1,3};[a-z]{0,3}\x07".prop_map(String::into_bytes),
                ],
                0..80,
            ),
        ) {
            let mut modes = Modes::default();
            modes.written(&written.concat());
            modes.written(&modes.undo());
            prop_assert_eq!(modes.undo(), b"");
        }
    }
}
