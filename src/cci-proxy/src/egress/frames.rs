//! What comes back over a web socket, scrubbed: messages are looked through, and not the heads of the frames that they are
//! cut into (RFC 6455).

use std::collections::VecDeque;
use std::io;

use crate::scrub::Scrub;

/// So many heads wait for what is held back before them; then that is let go.
const WAITING: usize = 1024;

/// The frames that come from a server.
pub(super) struct Frames {
    /// For messages, and for control frames, which may come within one.
    scrub: Scrub,
    control: Scrub,
    at: At,
    /// The head or the control frame that has come in part.
    part: Vec<u8>,
    /// Heads and control frames, with how much of all messages is before each.
    waiting: VecDeque<(u64, Vec<u8>)>,
    /// How much of all messages has come, and how much of that has been given.
    come: u64,
    given: u64,
}

/// What the next byte is.
#[derive(Clone, Copy)]
enum At {
    Head,
    /// Of a control frame, which has so many bytes behind its head.
    Control(usize),
    /// Of a message, of whose frame so much is to come.
    Message {
        left: u64,
        is_last: bool,
    },
}

impl Frames {
    pub(super) fn new(scrub: Scrub) -> Self {
        let (control, part, waiting) = (scrub.clone(), Vec::new(), VecDeque::new());
        Self { scrub, control, at: At::Head, part, waiting, come: 0, given: 0 }
    }

    /// Takes the next bytes, and gives what can be given. What cannot be looked through is an error.
    pub(super) fn next(&mut self, mut bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        while let Some((first, rest)) = bytes.split_first() {
            bytes = match self.at {
                At::Head => {
                    self.part.push(*first);
                    self.head(&mut out)?;
                    rest
                }
                At::Control(length) => {
                    self.part.push(*first);
                    self.control(length, &mut out);
                    rest
                }
                At::Message { left, is_last } => {
                    let count = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    self.come += count as u64;
                    let given = self.scrub.next(&bytes[..count]);
                    self.give(&given, &mut out);
                    self.message(left - count as u64, is_last, &mut out);
                    &bytes[count..]
                }
            };
        }
        Ok(out)
    }

    /// Whether the beginning of a text may be held back.
    pub(super) fn is_holding(&self) -> bool {
        self.scrub.is_holding()
    }

    /// Gives what is held back.
    pub(super) fn let_go(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let held = self.scrub.end();
        self.give(&held, &mut out);
        out
    }

    /// Reads a head, if it is whole.
    fn head(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        let [first, second, further @ ..] = &self.part[..] else { return Ok(()) };
        let (is_last, is_control, length) = (first & 0x80 != 0, first & 0x08 != 0, second & 0x7f);
        // bits of an extension, such as one that compresses; a mask, which no server has
        if first & 0x70 != 0 || second & 0x80 != 0 || (is_control && length > 125) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let length = match (length, further) {
            (126, [high, low]) => u64::from(u16::from_be_bytes([*high, *low])),
            (127, further) if further.len() == 8 => further.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
            (126 | 127, _) => return Ok(()),
            (length, _) => length.into(),
        };
        if is_control {
            self.control(usize::try_from(length).unwrap_or_default(), out);
            return Ok(());
        }
        let head = std::mem::take(&mut self.part);
        self.put(head, out);
        self.message(length, is_last, out);
        Ok(())
    }

    /// A control frame is given once it is whole.
    fn control(&mut self, length: usize, out: &mut Vec<u8>) {
        const HEAD: usize = 2;
        if self.part.len() < HEAD + length {
            self.at = At::Control(length);
            return;
        }
        self.at = At::Head;
        let mut frame = std::mem::take(&mut self.part);
        let payload = frame.split_off(HEAD);
        frame.extend(self.control.next(&payload));
        frame.extend(self.control.end());
        self.put(frame, out);
    }

    /// So much of a message's frame is to come. What ends a message is not held back.
    fn message(&mut self, left: u64, is_last: bool, out: &mut Vec<u8>) {
        if left > 0 {
            self.at = At::Message { left, is_last };
            return;
        }
        self.at = At::Head;
        if is_last {
            out.extend(self.let_go());
        }
    }

    /// Gives a head or a control frame behind all that has come before it.
    fn put(&mut self, frame: Vec<u8>, out: &mut Vec<u8>) {
        self.waiting.push_back((self.come, frame));
        if self.waiting.len() > WAITING {
            out.extend(self.let_go());
        }
        self.give(&[], out);
    }

    /// Gives bytes of messages, and what waits between them.
    fn give(&mut self, mut given: &[u8], out: &mut Vec<u8>) {
        loop {
            let before = self.waiting.front().map_or(u64::MAX, |(at, _)| at - self.given);
            let (now, later) = given.split_at(usize::try_from(before).unwrap_or(usize::MAX).min(given.len()));
            out.extend_from_slice(now);
            self.given += now.len() as u64;
            given = later;
            if self.waiting.front().is_none_or(|(at, _)| *at > self.given) {
                return;
            }
            out.extend(self.waiting.pop_front().into_iter().flat_map(|(_, frame)| frame));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "the-real-value";

    fn frames() -> Frames {
        Frames::new(Scrub::new(&[TEXT.to_owned()]))
    }

    fn frame(first: u8, payload: &str) -> Vec<u8> {
        let length = payload.len();
        let head = match length {
            ..126 => vec![first, u8::try_from(length).unwrap()],
            126..0x1_0000 => [&[first, 126][..], &u16::try_from(length).unwrap().to_be_bytes()].concat(),
            _ => [&[first, 127][..], &(length as u64).to_be_bytes()].concat(),
        };
        [&head, payload.as_bytes()].concat()
    }

    #[test]
    fn a_text_that_is_cut_by_frames_is_masked_and_the_frames_stay() {
        let long = "x".repeat(70_000);
        let sent = [
            frame(0x01, "so the-re"),
            frame(0x89, "ping the-real-value"),
            frame(0x00, ""),
            frame(0x80, "al-value it is"),
            frame(0x82, &long),
            frame(0x81, "the-real-value"),
        ];
        let masked = [
            frame(0x01, "so ******"),
            frame(0x89, "ping **************"),
            frame(0x00, ""),
            frame(0x80, "******** it is"),
            frame(0x82, &long),
            frame(0x81, "**************"),
        ];
        for size in [1, 2, 7, 1000, 1_000_000] {
            let mut frames = frames();
            let out: Vec<u8> = sent.concat().chunks(size).flat_map(|piece| frames.next(piece).unwrap()).collect();
            assert!(out == masked.concat(), "{size}");
            assert!(!frames.is_holding());
        }
    }

    #[test]
    fn the_end_of_a_message_is_not_held_back_and_what_is_can_be_let_go() {
        let mut frames = frames();
        assert_eq!(frames.next(&frame(0x81, "so the-re")).unwrap(), frame(0x81, "so the-re"));
        assert_eq!(frames.next(&frame(0x01, "so the-re")).unwrap(), frame(0x01, "so the-re")[..5]);
        assert!(frames.is_holding());
        assert_eq!(frames.let_go(), b"the-re");
    }

    #[test]
    fn what_cannot_be_looked_through_is_an_error_and_nothing_grows() {
        for bytes in [&[0xc1, 0x01][..], &[0x81, 0x81], &[0x89, 126]] {
            assert!(frames().next(bytes).is_err(), "{bytes:?}");
        }
        let mut frames = frames();
        frames.next(&frame(0x01, "the-re")).unwrap();
        let heads = frame(0x00, "").repeat(10 * WAITING);
        assert!(frames.next(&heads).unwrap().len() > heads.len() - 3 * WAITING);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_longer(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..9)) {
            let mut frames = frames();
            let mut out = Vec::new();
            for piece in &pieces {
                let Ok(given) = frames.next(piece) else { return Ok(()) };
                out.extend(given);
            }
            out.extend(frames.let_go());
            prop_assert!(out.len() <= pieces.concat().len());
        }
    }
}
