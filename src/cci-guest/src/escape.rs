//! Finds the control sequences in what a program writes to a terminal, in pieces of any size.
//!
//! 8-bit control characters do not count: in UTF-8, which every terminal uses today, they are parts of letters.

/// No known sequence has longer parameters.
const LONGEST: usize = 64;

/// A complete control sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sequence<'a> {
    /// `ESC` and what follows: `=`, `(B`.
    Escape(&'a [u8]),
    /// `ESC [`, the parameters, and the byte that says what it does.
    Csi(&'a [u8], u8),
    /// `ESC ]` and the beginning of its text.
    Osc(&'a [u8]),
}

/// The state of the parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between sequences.
    Ground,
    /// After `ESC`.
    Escape,
    /// After `ESC [`.
    Csi,
    /// After `ESC ]`; `escape` is set after an `ESC` in the text.
    Osc { escape: bool },
    /// In another string, which ends the same way.
    Other { escape: bool },
}

/// Reads what goes to a terminal, in pieces of any size.
#[derive(Debug)]
pub(crate) struct Escapes {
    state: State,
    held: Vec<u8>,
}

impl Default for Escapes {
    fn default() -> Self {
        Self { state: State::Ground, held: Vec::new() }
    }
}

impl Escapes {
    /// Whether the text ends within a sequence.
    pub(crate) fn is_open(&self) -> bool {
        self.state != State::Ground
    }

    /// Reads the next bytes and calls `tell` with every sequence that they complete.
    pub(crate) fn read(&mut self, bytes: &[u8], mut tell: impl FnMut(Sequence<'_>)) {
        for &byte in bytes {
            match self.state {
                State::Ground if byte == 0x1b => self.begin(State::Escape),
                State::Ground => {}
                // CAN and SUB cancel a sequence
                _ if matches!(byte, 0x18 | 0x1a) => self.begin(State::Ground),
                State::Escape => self.escape(byte, &mut tell),
                State::Csi => self.csi(byte, &mut tell),
                State::Osc { escape } => {
                    if byte == 0x07 || (escape && byte == b'\\') {
                        tell(Sequence::Osc(&self.held));
                        self.begin(State::Ground);
                    } else {
                        self.string(byte, escape, |escape| State::Osc { escape });
                    }
                }
                State::Other { escape } => {
                    if escape && byte == b'\\' {
                        self.begin(State::Ground);
                    } else {
                        self.string(byte, escape, |escape| State::Other { escape });
                    }
                }
            }
        }
    }

    fn begin(&mut self, state: State) {
        self.state = state;
        self.held.clear();
    }

    fn hold(&mut self, byte: u8) {
        if self.held.len() < LONGEST {
            self.held.push(byte);
        }
    }

    fn escape(&mut self, byte: u8, tell: &mut impl FnMut(Sequence<'_>)) {
        let first = self.held.is_empty();
        match byte {
            0x1b => self.begin(State::Escape),
            b'[' if first => self.begin(State::Csi),
            b']' if first => self.begin(State::Osc { escape: false }),
            b'P' | b'_' | b'^' | b'X' if first => self.begin(State::Other { escape: false }),
            0x20..=0x2f => self.hold(byte),
            0x30..=0x7e => {
                self.hold(byte);
                tell(Sequence::Escape(&self.held));
                self.begin(State::Ground);
            }
            _ => {}
        }
    }

    fn csi(&mut self, byte: u8, tell: &mut impl FnMut(Sequence<'_>)) {
        match byte {
            0x1b => self.begin(State::Escape),
            0x20..=0x3f => self.hold(byte),
            0x40..=0x7e => {
                if self.held.len() < LONGEST {
                    tell(Sequence::Csi(&self.held, byte));
                }
                self.begin(State::Ground);
            }
            _ => {}
        }
    }

    /// A byte of a string; what follows an `ESC` that does not end it is a new sequence.
    fn string(&mut self, byte: u8, escape: bool, state: impl Fn(bool) -> State) {
        if escape && byte != 0x1b {
            self.begin(State::Escape);
            self.escape(byte, &mut |_| ());
            return;
        }
        self.state = state(byte == 0x1b);
        if byte != 0x1b {
            self.hold(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pieces: &[&[u8]]) -> Vec<String> {
        let (mut escapes, mut told) = (Escapes::default(), Vec::new());
        for piece in pieces {
            escapes.read(piece, |sequence| {
                told.push(match sequence {
                    Sequence::Escape(rest) => format!("ESC {}", rest.escape_ascii()),
                    Sequence::Csi(params, end) => format!("CSI {}{}", params.escape_ascii(), char::from(end)),
                    Sequence::Osc(text) => format!("OSC {}", text.escape_ascii()),
                });
            });
        }
        told
    }

    #[test]
    fn sequences_are_found_whole_and_in_pieces() {
        let text = b"a\x1b[?1049hb\x1b=\x1b(B\x1b]12;red\x07\x1b]0;t\x1b\\\x1bP+q\x1b[1m\x1b\\\x1b[>4;2m";
        let whole = told(&[text]);
        let all = ["CSI ?1049h", "ESC =", "ESC (B", "OSC 12;red", "OSC 0;t", "CSI 1m", "ESC \\\\", "CSI >4;2m"];
        assert_eq!(whole, all);
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(told(&bytes), whole);
    }

    #[test]
    fn a_sequence_that_is_cancelled_or_too_long_is_none() {
        let long = [b"\x1b[".to_vec(), vec![b'1'; 100], b"h\x1b[?25l".to_vec()].concat();
        assert_eq!(told(&[b"\x1b[?25\x18l", &long]), ["CSI ?25l"]);
    }
}
