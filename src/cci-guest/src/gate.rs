//! Keeps from a terminal what programs in a container may not tell it: writes to its clipboard, and strings that only a
//! program that may send anything has a use for.
//!
//! tmux passes on what is wrapped for it, whatever it is; here is decided what of it reaches the terminal.

/// What programs in a session may do with the terminal of whoever attaches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Write to its clipboard.
    pub clipboard: bool,
    /// Send it strings of any kind.
    pub passthrough: bool,
}

/// No string takes longer to say what it is.
const LONGEST: usize = 64;
const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;
/// What begins a control character of eight bits in UTF-8.
const C1: u8 = 0xc2;

/// Where the text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ground,
    /// Behind `ESC`.
    Escape,
    /// In a string of this kind that has not said yet what it is.
    Undecided {
        kind: u8,
        escape: bool,
    },
    /// In one that passes, or that does not.
    Decided {
        kind: u8,
        passes: bool,
        escape: bool,
    },
}

/// Reads what goes to a terminal, in pieces of any size, and lets through what may.
///
/// ```
/// use cci_guest::gate::{Allowed, Gate};
///
/// let mut gate = Gate::new(Allowed::default());
/// assert_eq!(gate.pass(b"a\x1b]52;c;eA==\x07b\x1b]9;done\x07"), b"ab\x1b]9;done\x07");
/// ```
#[derive(Debug)]
pub struct Gate {
    allowed: Option<Allowed>,
    state: State,
    /// What was read of a string that is not decided yet.
    held: Vec<u8>,
    /// The last byte began a control character of eight bits, perhaps.
    wide: bool,
}

impl Gate {
    /// For a session.
    #[must_use]
    pub fn new(allowed: Allowed) -> Self {
        Self { allowed: Some(allowed), ..Self::open() }
    }

    /// Lets everything through.
    #[must_use]
    pub fn open() -> Self {
        Self { allowed: None, state: State::Ground, held: Vec::new(), wide: false }
    }

    /// What of these bytes may reach the terminal now. Control characters of eight bits become those of seven.
    pub fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Some(allowed) = self.allowed else { return bytes.to_vec() };
        let mut out = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.state == State::Ground && !self.wide {
                let plain = rest.iter().position(|byte| matches!(*byte, ESC | C1)).unwrap_or(rest.len());
                out.extend_from_slice(&rest[..plain]);
                rest = &rest[plain..];
            }
            let Some((byte, more)) = rest.split_first() else { break };
            rest = more;
            match (std::mem::take(&mut self.wide), *byte) {
                (true, byte @ 0x80..=0x9f) => [ESC, byte - 0x40].map(|byte| self.read(byte, allowed, &mut out)),
                (true, byte) => [C1, byte].map(|byte| self.read(byte, allowed, &mut out)),
                (false, C1) => {
                    self.wide = true;
                    continue;
                }
                (false, byte) => {
                    self.read(byte, allowed, &mut out);
                    continue;
                }
            };
        }
        out
    }

    fn read(&mut self, byte: u8, allowed: Allowed, out: &mut Vec<u8>) {
        let cancels = matches!(byte, 0x18 | 0x1a);
        match self.state {
            State::Ground if byte == ESC => self.state = State::Escape,
            State::Escape => self.escape(byte, out),
            State::Undecided { .. } if cancels => self.state = State::Ground,
            State::Decided { passes, .. } if cancels => self.end(passes, &[byte], out),
            State::Undecided { escape: true, .. } | State::Decided { escape: true, .. } if byte != b'\\' => {
                // it was cut off: something new begins
                self.escape(byte, out);
            }
            State::Undecided { kind, .. } if byte == ESC => self.state = State::Undecided { kind, escape: true },
            State::Decided { kind, passes, .. } if byte == ESC => {
                self.state = State::Decided { kind, passes, escape: true };
            }
            State::Undecided { kind, escape } => self.undecided(kind, byte, escape, allowed, out),
            State::Decided { passes, escape: true, .. } => self.end(passes, b"\x1b\\", out),
            State::Decided { kind: b']', passes, .. } if byte == BEL => self.end(passes, &[BEL], out),
            State::Ground | State::Decided { passes: true, .. } => out.push(byte),
            State::Decided { .. } => {}
        }
    }

    fn escape(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            ESC => self.state = State::Escape,
            b']' | b'P' | b'_' | b'^' | b'X' => {
                self.held.clear();
                self.state = State::Undecided { kind: byte, escape: false };
            }
            _ => self.end(true, &[ESC, byte], out),
        }
    }

    fn end(&mut self, passes: bool, end: &[u8], out: &mut Vec<u8>) {
        if passes {
            out.extend_from_slice(end);
        }
        self.state = State::Ground;
    }

    fn undecided(&mut self, kind: u8, byte: u8, escape: bool, allowed: Allowed, out: &mut Vec<u8>) {
        let ends = escape || kind == b']' && byte == BEL;
        if kind == b']' && self.held.is_empty() && matches!(byte, b'P' | b'R') {
            // of the linux console: it has no end
            self.state = State::Ground;
            return;
        }
        if !ends {
            self.held.push(byte);
        }
        let passes = match may_pass(kind, &self.held, ends, allowed) {
            Some(passes) => passes,
            None if ends || self.held.len() > LONGEST => false,
            None => return,
        };
        if passes {
            out.extend_from_slice(&[ESC, kind]);
            out.append(&mut self.held);
        }
        if ends {
            self.end(passes, if escape { b"\x1b\\" } else { &[BEL] }, out);
        } else {
            self.state = State::Decided { kind, passes, escape: false };
        }
    }
}

/// Whether a string that begins so may pass, once that can be said; `whole` says that there is no more of it.
fn may_pass(kind: u8, text: &[u8], whole: bool, allowed: Allowed) -> Option<bool> {
    match kind {
        b']' => osc(text, whole, allowed),
        _ if allowed.passthrough => Some(true),
        // a picture, which tmux sends to terminals that show some
        b'P' => text.iter().find(|byte| !matches!(byte, b'0'..=b'9' | b';')).map(|last| *last == b'q'),
        _ => Some(false),
    }
}

fn osc(text: &[u8], whole: bool, allowed: Allowed) -> Option<bool> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == text.len() && !whole {
        return None;
    }
    let number: u16 =
        std::str::from_utf8(&text[..digits]).ok().and_then(|digits| digits.parse().ok()).unwrap_or(u16::MAX);
    let said = text.get(digits + 1..).unwrap_or_default();
    match number {
        52 if !allowed.clipboard => is_copied(said, whole),
        _ if allowed.passthrough => Some(true),
        52 => writes(said, whole),
        // titles, the directory, links, colours, and kitty's notifications
        0..=2 | 4 | 7 | 8 | 10..=19 | 99 | 104 | 110..=119 => Some(true),
        9 => is_message(said, whole),
        777 => begins_with(said, b"notify;", whole),
        _ => Some(false),
    }
}

/// Whether this is how tmux itself writes to the clipboard what a person has selected: it names none of several.
fn is_copied(said: &[u8], whole: bool) -> Option<bool> {
    match said {
        [b';', first, ..] => Some(*first != b'?'),
        [] | [b';'] => whole.then_some(false),
        _ => Some(false),
    }
}

/// Whether this writes to the clipboard rather than asks what it has.
fn writes(said: &[u8], whole: bool) -> Option<bool> {
    let at = said.iter().position(|byte| *byte == b';');
    match at.and_then(|at| said.get(at + 1)) {
        Some(first) => Some(*first != b'?'),
        None => whole.then_some(at.is_some()),
    }
}

/// Whether this is a message: with a number in front it is an order for the terminal.
fn is_message(said: &[u8], whole: bool) -> Option<bool> {
    match said.iter().find(|byte| !byte.is_ascii_digit()) {
        Some(other) => Some(*other != b';' || said[0] == b';'),
        None => whole.then_some(true),
    }
}

fn begins_with(said: &[u8], word: &[u8], whole: bool) -> Option<bool> {
    if said.len() >= word.len() || !word.starts_with(said) {
        return Some(said.starts_with(word));
    }
    whole.then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn passed(allowed: Allowed, text: &[u8]) -> String {
        let mut gate = Gate::new(allowed);
        let whole = gate.pass(text);
        let mut gate = Gate::new(allowed);
        let bytes: Vec<u8> = text.iter().flat_map(|byte| gate.pass(&[*byte])).collect();
        assert_eq!(whole, bytes, "in pieces");
        whole.escape_ascii().to_string()
    }

    const NOTHING: Allowed = Allowed { clipboard: false, passthrough: false };
    const CLIPBOARD: Allowed = Allowed { clipboard: true, passthrough: false };
    const ANYTHING: Allowed = Allowed { clipboard: true, passthrough: true };

    #[test]
    fn the_clipboard_is_written_where_it_may_be_and_never_read() {
        for end in ["\x07", "\x1b\\"] {
            let write = format!("a\x1b]52;c;Y2xp{end}b");
            assert_eq!(passed(NOTHING, write.as_bytes()), "ab");
            assert_eq!(passed(Allowed { passthrough: true, ..NOTHING }, write.as_bytes()), "ab");
            assert_eq!(passed(CLIPBOARD, write.as_bytes()), write.as_bytes().escape_ascii().to_string());
            assert_eq!(passed(CLIPBOARD, format!("a\x1b]52;c;?{end}b").as_bytes()), "ab");
            let selected = format!("\x1b]52;;Y2xp{end}");
            assert_eq!(passed(NOTHING, selected.as_bytes()), selected.as_bytes().escape_ascii().to_string());
        }
        assert_eq!(passed(NOTHING, "a\u{9d}52;c;Y2xp\u{7}b".as_bytes()), "ab", "a control character of eight bits");
        assert_eq!(passed(NOTHING, b"\x1b]0;t\x1b]52;c;Y2xp\x07b"), r"\x1b]0;tb", "in a title that was cut off");
        assert_eq!(passed(NOTHING, "\u{1b}]0;t\u{9c}\u{9d}52;c;Y2xp\u{7}b".as_bytes()), r"\x1b]0;t\x1b\\b");
    }

    #[test]
    fn notifications_pass_and_orders_for_the_terminal_do_not() {
        for text in
            ["\x1b]9;done\x07", "\x1b]9;5 tests\x1b\\", "\x1b]777;notify;t;b\x07", "\x1b]99;i=1;t\x1b\\", "\x07"]
        {
            assert_eq!(passed(NOTHING, text.as_bytes()), text.as_bytes().escape_ascii().to_string());
        }
        for text in [
            "\x1b]9;6;macro\x07",
            "\x1b]9;4;1;50\x07",
            "\x1b]777;precmd\x07",
            "\x1b]1337;File=x\x07",
            "\x1b]7770;x\x07",
        ] {
            assert_eq!(passed(NOTHING, text.as_bytes()), "");
            assert_eq!(passed(ANYTHING, text.as_bytes()), text.as_bytes().escape_ascii().to_string());
        }
    }

    #[test]
    fn what_tmux_itself_sends_passes() {
        let text = "\x1b[?1049h\x1b(B\x1b[m\x1b]0;title\x07\x1b]8;id=1;http://x\x1b\\x\x1b]8;;\x1b\\\x1b]12;red\x07\x1b]112\x07\x1b]10;?\x1b\\\x1bP0;1q\"1;1#0~~\x1b\\ü漢\u{a0}🦀\x1b=";
        assert_eq!(passed(NOTHING, text.as_bytes()), text.as_bytes().escape_ascii().to_string());
    }

    #[test]
    fn other_strings_pass_where_anything_may() {
        for text in ["\x1b_Gf=100;AAAA\x1b\\", "\x1bP+q544e\x1b\\", "\x1b^x\x1b\\", "\x1bXx\x1b\\"] {
            assert_eq!(passed(NOTHING, format!("a{text}b").as_bytes()), "ab");
            assert_eq!(passed(ANYTHING, text.as_bytes()), text.as_bytes().escape_ascii().to_string());
        }
        assert_eq!(passed(NOTHING, b"a\x1b]Rb\x1b]P0aabbccd"), "ab0aabbccd", "the console's have no end");
        assert_eq!(passed(NOTHING, b"a\x1b]5\x18b\x1b]1337;x\x1ac"), "abc", "cancelled");
    }

    proptest! {
        #[test]
        fn a_clipboard_that_is_named_is_out_of_reach_whatever_stands_around(
            parts in prop::collection::vec(
                prop_oneof![
                    any::<u8>().prop_map(|byte| vec![byte]),
                    prop::sample::select(vec!["\x1b", "\x1b]", "52;c;", "\x1b]52;c;eA==", "\x07", "\x1b\\", "\x1bP", "q", "\u{9d}", "\u{9c}", "\u{90}", "0;"])
                        .prop_map(|text| text.as_bytes().to_vec()),
                ],
                0..20,
            ),
        ) {
            let out = Gate::new(NOTHING).pass(&parts.concat());
            prop_assert!(!out.windows(6).any(|six| six == b"\x1b]52;c"), "{}", out.escape_ascii());
            prop_assert!(!out.windows(6).any(|six| six == "\u{9d}52;c".as_bytes()), "{}", out.escape_ascii());
        }
    }
}
