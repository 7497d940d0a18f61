//! The messages of an `application/vnd.amazon.eventstream`, read as they come.

/// The longest message that is read; a longer one is passed over.
const LONGEST: usize = 1024 * 1024;
/// The lengths of the message and of its headers, and their sum.
const PRELUDE: usize = 12;
/// The sum behind a message.
const SUM: usize = 4;

/// Such a stream. Its sums are for whoever it is for.
#[derive(Debug, Default)]
pub struct EventStream {
    /// The message so far.
    message: Vec<u8>,
    /// How much of one that is too long is still to come.
    over: usize,
    /// Whether something else came.
    is_broken: bool,
}

impl EventStream {
    /// Reads what comes next, and shows the payload of each message that it ends.
    pub fn read(&mut self, mut data: &[u8], mut payload: impl FnMut(&[u8])) {
        while !data.is_empty() && !self.is_broken {
            if self.over > 0 {
                let passed = self.over.min(data.len());
                self.over -= passed;
                data = &data[passed..];
                continue;
            }
            let wanted = self.length().unwrap_or(PRELUDE) - self.message.len();
            let taken = wanted.min(data.len());
            self.message.extend_from_slice(&data[..taken]);
            data = &data[taken..];
            let Some(length) = self.length() else { continue };
            if length < PRELUDE + SUM {
                self.is_broken = true;
            } else if length > LONGEST {
                self.over = length - self.message.len();
                self.message.clear();
            } else if self.message.len() == length {
                let headers = self.number(4).unwrap_or(usize::MAX);
                let whole = &self.message[PRELUDE..length - SUM];
                if let Some(behind) = whole.get(headers..) {
                    payload(behind);
                }
                self.message.clear();
            }
        }
    }

    /// The length of the message, once it is known.
    fn length(&self) -> Option<usize> {
        if self.message.len() < PRELUDE { None } else { self.number(0) }
    }

    fn number(&self, at: usize) -> Option<usize> {
        let bytes = self.message.get(at..at + 4)?;
        usize::try_from(u32::from_be_bytes(bytes.try_into().ok()?)).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(headers: &[u8], payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(PRELUDE + headers.len() + payload.len() + SUM).unwrap();
        let count = u32::try_from(headers.len()).unwrap();
        [&length.to_be_bytes(), &count.to_be_bytes(), &[0; 4], headers, payload, &[0; 4][..]].concat()
    }

    fn payloads(bytes: &[u8], size: usize) -> Vec<Vec<u8>> {
        let (mut stream, mut all) = (EventStream::default(), Vec::new());
        bytes.chunks(size).for_each(|piece| stream.read(piece, |payload| all.push(payload.to_vec())));
        all
    }

    #[test]
    fn messages_are_read_wherever_they_are_cut() {
        let bytes = [message(b"head", b"one"), message(b"", b""), message(b"x", b"three")].concat();
        for size in [1, 2, 5, 12, 13, 100] {
            assert_eq!(payloads(&bytes, size), [b"one".to_vec(), Vec::new(), b"three".to_vec()], "{size}");
        }
    }

    #[test]
    fn one_that_is_too_long_is_passed_over_and_what_is_none_ends_it() {
        let bytes = [message(b"", &vec![b'x'; 2 * LONGEST]), message(b"", b"next")].concat();
        assert_eq!(payloads(&bytes, 8192), [b"next".to_vec()]);
        assert!(payloads(&[vec![0; 64], message(b"", b"next")].concat(), 7).is_empty());
        let mut lies = message(b"", b"next");
        lies[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(payloads(&[lies, message(b"", b"behind")].concat(), 9), [b"behind".to_vec()]);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_much_for_it(bytes in prop::collection::vec(any::<u8>(), 0..300), size in 1usize..20) {
            payloads(&bytes, size);
        }
    }
}
