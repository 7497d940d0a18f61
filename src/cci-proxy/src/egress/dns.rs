//! Questions for names, answered from what is known: an address of a listed name, and nothing else. No question goes any
//! further, so none carries anything out.
//!
//! A question is a header, one name and a type: less than a library for all of DNS needs to be told to leave out.

use std::net::IpAddr;
use std::time::Duration;

use cci_core::network::{HostName, Names};

/// A question, of the kind that is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question<'a> {
    /// The name.
    pub name: HostName,
    /// What is asked about it.
    pub kind: Type,
    id: [u8; 2],
    recursion: bool,
    /// As it was asked: an answer repeats it, with the capitals that tell the asker that it is its own.
    raw: &'a [u8],
}

/// What is asked about a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Its IPv4 addresses.
    A,
    /// Its IPv6 addresses.
    Aaaa,
    /// Anything else, of which there is nothing.
    Other,
}

/// How a question ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rcode {
    /// With an answer, or with none of this type.
    NoError = 0,
    /// It is none.
    FormErr = 1,
    /// It is of a kind that is not answered.
    NotImp = 4,
    /// There is no such name.
    NxDomain = 3,
}

/// The bytes of a question, and of an answer over UDP.
const LARGEST: usize = 512;
/// So many addresses fit into an answer whatever they are.
const ADDRESSES: usize = 8;
const HEADER: usize = 12;

impl<'a> Question<'a> {
    /// Reads a message; `Err(None)` for what is not even answered.
    pub fn read(message: &'a [u8]) -> Result<Self, Option<Rcode>> {
        let (header, rest) = message.split_at_checked(HEADER).ok_or(None)?;
        let is_answer = header[2] & 0x80 != 0;
        if is_answer || message.len() > LARGEST {
            return Err(None);
        }
        let opcode = header[2] >> 3 & 0xf;
        if opcode != 0 {
            return Err(Some(Rcode::NotImp));
        }
        // one question; what an asker says of itself behind it (EDNS) changes no answer
        if header[4..8] != [0, 1, 0, 0] || header[8..10] != [0, 0] {
            return Err(Some(Rcode::FormErr));
        }
        let (name, length) = name(rest).ok_or(Some(Rcode::FormErr))?;
        let kind = rest.get(length..length + 4).ok_or(Some(Rcode::FormErr))?;
        let kind = match kind {
            [0, 1, 0, 1] => Type::A,
            [0, 28, 0, 1] => Type::Aaaa,
            [_, _, 0, 1] => Type::Other,
            // other classes tell of the server
            _ => return Err(Some(Rcode::NotImp)),
        };
        // names of services and other texts that are no hosts have no answer, like any that is not listed
        let name = HostName::sent(&name).map_err(|_| Some(Rcode::NxDomain))?;
        let (id, recursion) = ([header[0], header[1]], header[2] & 1 != 0);
        Ok(Self { name, kind, id, recursion, raw: &rest[..length + 4] })
    }

    /// The answer with these addresses; those of another type than was asked for are left out.
    #[must_use]
    pub fn answer(&self, addresses: &[IpAddr], lifetime: Duration) -> Vec<u8> {
        let data: Vec<Vec<u8>> = addresses.iter().filter_map(|address| self.data(*address)).take(ADDRESSES).collect();
        let mut message = self.head(Rcode::NoError, u8::try_from(data.len()).unwrap_or_default());
        let lifetime = u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX).min(i32::MAX.unsigned_abs());
        for data in data {
            // the name is the one at the beginning of the question
            message.extend([0xc0, 12, 0, if data.len() == 4 { 1 } else { 28 }, 0, 1]);
            message.extend(lifetime.to_be_bytes());
            message.extend([0, if data.len() == 4 { 4 } else { 16 }]);
            message.extend(data);
        }
        message
    }

    /// The answer that there is no such name.
    #[must_use]
    pub fn unknown(&self) -> Vec<u8> {
        self.head(Rcode::NxDomain, 0)
    }

    fn data(&self, address: IpAddr) -> Option<Vec<u8>> {
        match (self.kind, address) {
            (Type::A, IpAddr::V4(address)) => Some(address.octets().to_vec()),
            (Type::Aaaa, IpAddr::V6(address)) => Some(address.octets().to_vec()),
            _ => None,
        }
    }

    fn head(&self, code: Rcode, answers: u8) -> Vec<u8> {
        let mut message = header(self.id, self.recursion, code).to_vec();
        message[5] = 1;
        message[7] = answers;
        message.extend_from_slice(self.raw);
        message
    }
}

/// What is answered to a message, if anything: `known` are the addresses of a listed name, which are there already.
#[must_use]
pub fn answer(
    message: &[u8],
    names: &Names,
    known: impl Fn(&HostName) -> Vec<IpAddr>,
    lifetime: Duration,
) -> Option<Vec<u8>> {
    match Question::read(message) {
        Ok(question) if names.knows(&question.name) => Some(question.answer(&known(&question.name), lifetime)),
        Ok(question) => Some(question.unknown()),
        Err(None) => None,
        Err(Some(code)) => {
            let id = [message[0], message[1]];
            Some(header(id, message[2] & 1 != 0, code).to_vec())
        }
    }
}

/// A header without a question: an answer, and the last word on it.
fn header(id: [u8; 2], recursion: bool, code: Rcode) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..2].copy_from_slice(&id);
    header[2] = 0x84 | u8::from(recursion);
    header[3] = 0x80 | code as u8;
    header
}

/// The name at the beginning, and how many bytes it takes. A question has nothing before it that it could refer to.
fn name(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut name, mut at) = (Vec::new(), 0);
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1;
        if length == 0 {
            return Some((name, at));
        }
        let label = bytes.get(at..at + length).filter(|_| length < 64)?;
        at += length;
        if !name.is_empty() {
            name.push(b'.');
        }
        // a dot within a label would be one between two
        name.extend(label.iter().map(|byte| if *byte == b'.' { 0 } else { *byte }));
        if name.len() > 255 {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn question(name: &str, kind: u16, class: u16) -> Vec<u8> {
        let mut message = vec![7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            message.push(u8::try_from(label.len()).unwrap());
            message.extend(label.as_bytes());
        }
        message.push(0);
        message.extend(kind.to_be_bytes());
        message.extend(class.to_be_bytes());
        message
    }

    fn ask(message: &[u8]) -> Option<(u8, u8, Vec<u8>)> {
        let names = Names::listed(["a.example:443", "*.example.com"].map(|entry| entry.parse().unwrap()));
        let known = |_: &HostName| vec!["198.51.100.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
        let answer = answer(message, &names, known, Duration::from_secs(30))?;
        assert_eq!(answer[..2], message[..2]);
        assert!(answer.len() <= LARGEST);
        Some((answer[3] & 0xf, answer[7], answer))
    }

    #[test]
    fn addresses_of_listed_names_are_answered() {
        let (code, count, answer) = ask(&question("A.Example", 1, 1)).unwrap();
        assert_eq!((code, count), (0, 1));
        assert!(memchr::memmem::find(&answer, b"\x01A\x07Example\x00").is_some(), "the question as it was asked");
        assert!(answer.ends_with(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 198, 51, 100, 1]));
        let (code, count, answer) = ask(&question("x.y.example.com", 28, 1)).unwrap();
        assert_eq!((code, count), (0, 1));
        assert!(answer.ends_with(&[0, 16, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]));
    }

    #[test]
    fn other_names_do_not_exist_and_other_types_have_nothing() {
        for name in ["b.example", "example.com", "secret.a.example", "a.example.evil.net", "1.100.51.198.in-addr.arpa"]
        {
            assert_eq!(ask(&question(name, 1, 1)).map(|(code, count, _)| (code, count)), Some((3, 0)), "{name}");
        }
        for kind in [16, 15, 2, 5, 6, 33, 64, 65, 255, 252, 10] {
            assert_eq!(
                ask(&question("a.example", kind, 1)).map(|(code, count, _)| (code, count)),
                Some((0, 0)),
                "{kind}"
            );
        }
    }

    #[test]
    fn what_is_no_plain_question_is_not_answered_as_one() {
        let code = |message: &[u8]| ask(message).map(|(code, count, _)| (code, count));
        let plain = question("a.example", 1, 1);
        let with = |at: usize, byte: u8| {
            let mut message = plain.clone();
            message[at] = byte;
            message
        };
        assert_eq!(code(&plain), Some((0, 1)));
        assert_eq!(code(&with(2, 0x81)), None, "an answer");
        assert_eq!(code(&with(2, 0x29)), Some((4, 0)), "an update");
        assert_eq!(code(&with(5, 2)), Some((1, 0)), "two questions");
        assert_eq!(code(&with(7, 1)), Some((1, 0)), "an answer in a question");
        assert_eq!(code(&with(12, 0xc0)), Some((1, 0)), "a reference");
        assert_eq!(code(&question("a.example", 1, 3)), Some((4, 0)), "class CHAOS");
        assert_eq!(code(&plain[..plain.len() - 1]), Some((1, 0)), "cut off");
        assert_eq!(code(&plain[..11]), None, "no header");
        assert_eq!(code(&[plain.clone(), vec![0; 600]].concat()), None, "too long");
        // one label with a dot in it
        let mut dotted = question("aXexample", 1, 1);
        dotted[14] = b'.';
        assert_eq!(code(&dotted), Some((3, 0)));
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_every_answer_is_bounded(message in prop::collection::vec(any::<u8>(), 0..600)) {
            let known = |_: &HostName| vec!["2001:db8::1".parse().unwrap(); 100];
            if let Some(answer) = answer(&message, &Names::Every, known, Duration::MAX) {
                prop_assert!(answer.len() <= LARGEST);
                prop_assert!(answer.len() >= HEADER && answer[2] & 0x80 != 0);
            }
        }

        #[test]
        fn every_name_that_is_asked_for_is_read_as_it_is(name in "[a-z]{1,20}(\\.[a-z0-9]{1,20}){0,4}\\.[a-z]{2,5}") {
            let message = question(&name, 1, 1);
            let read = Question::read(&message).unwrap();
            prop_assert_eq!(read.name.as_str(), name);
        }
    }
}
