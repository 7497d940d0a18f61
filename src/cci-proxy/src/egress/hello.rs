//! The first message of a client of TLS: the name that it is for, read and not answered.
//!
//! `rustls` reads it, as strictly as a server would: across records, with nothing doubled and nothing left over. A parser
//! that forgives would see another name than the server does. What it does not tell is whether the name is hidden, and
//! that is found by a walk over the same bytes.

use std::collections::BTreeSet;

use cci_core::network::{HostName, NotAName};
use rustls::server::Acceptor;

use super::limits::HEAD;
use super::refusal::Refusal;

/// What the first message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The name of the host (SNI).
    pub name: HostName,
    /// The protocols that the client would speak (ALPN), the best first.
    pub protocols: Vec<Vec<u8>>,
}

/// Reads it, in whatever pieces it comes.
#[derive(Default)]
pub struct HelloReader {
    acceptor: Acceptor,
    bytes: Vec<u8>,
}

/// Encrypted Client Hello, its drafts, and the encrypted SNI before it.
const HIDING: [u16; 7] = [0xfe0d, 0xfe0c, 0xfe0b, 0xfe0a, 0xfe09, 0xfe08, 0xffce];

impl HelloReader {
    /// Takes the next bytes; what the message says once it is whole. After that, and after an error, nothing is taken.
    pub fn push(&mut self, piece: &[u8]) -> Result<Option<Hello>, Refusal> {
        if self.bytes.len() + piece.len() > HEAD {
            return Err(Refusal::TooLarge);
        }
        self.bytes.extend_from_slice(piece);
        let mut rest = piece;
        while !rest.is_empty() {
            match self.acceptor.read_tls(&mut rest) {
                Ok(0) | Err(_) => return Err(Refusal::TooLarge),
                Ok(_) => {}
            }
            let accepted = self.acceptor.accept().map_err(|_| Refusal::Malformed("no hello of TLS"))?;
            let Some(accepted) = accepted else { continue };
            let extensions = extensions(&self.bytes).ok_or(Refusal::Malformed("a hello of TLS that is not alone"))?;
            if HIDING.iter().any(|hiding| extensions.contains(hiding)) {
                return Err(Refusal::Hidden);
            }
            let hello = accepted.client_hello();
            let name = hello.server_name().ok_or(Refusal::NoName)?;
            let name = HostName::sent(name.as_bytes()).map_err(|error| match error {
                NotAName::Address => Refusal::Address,
                NotAName::Shape => Refusal::Malformed("the name in the hello is none"),
            })?;
            let protocols = hello.alpn().into_iter().flatten().map(<[u8]>::to_vec).collect();
            return Ok(Some(Hello { name, protocols }));
        }
        Ok(None)
    }

    /// Every byte that it took: what the server gets.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// The types of a hello's extensions; `None` if the hello is not the whole of its records.
fn extensions(records: &[u8]) -> Option<BTreeSet<u16>> {
    let message = message(records)?;
    let mut rest = Rest(&message);
    // version and random; then the session, the ciphers and the compressions, each with its length
    rest.take(2 + 32)?;
    rest.block(1)?;
    rest.block(2)?;
    rest.block(1)?;
    let mut types = BTreeSet::new();
    if rest.0.is_empty() {
        return Some(types);
    }
    let mut extensions = Rest(rest.block(2)?);
    while !extensions.0.is_empty() {
        types.insert(u16::try_from(extensions.number(2)?).ok()?);
        extensions.block(2)?;
    }
    rest.0.is_empty().then_some(types)
}

/// The body of the first handshake message, put together from its records.
fn message(records: &[u8]) -> Option<Vec<u8>> {
    let mut records = Rest(records);
    let mut whole = Vec::new();
    loop {
        let handshake = records.number(1)? == 22;
        records.take(2)?;
        whole.extend_from_slice(records.block(2).filter(|_| handshake)?);
        let mut rest = Rest(&whole);
        let Some(head) = rest.take(1) else { continue };
        let Some(length) = rest.number(3) else { continue };
        if rest.0.len() >= length {
            return (head == [1] && rest.0.len() == length).then(|| rest.0.to_vec());
        }
    }
}

/// What is left to read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of so many bytes.
    fn number(&mut self, bytes: usize) -> Option<usize> {
        Some(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    /// A block behind its length, which has so many bytes.
    fn block(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let length = self.number(bytes)?;
        self.take(length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::egress::tests::hellos::{block, extension, fragmented, hello, hidden, rustls_hello, server_name};

    fn read(bytes: &[u8]) -> Result<Option<Hello>, Refusal> {
        HelloReader::default().push(bytes)
    }

    fn name(bytes: &[u8]) -> String {
        read(bytes).unwrap().unwrap().name.to_string()
    }

    #[test]
    fn the_name_and_the_protocols_of_a_real_client_are_read() {
        let read = read(&rustls_hello("a.example.com", &["h2", "http/1.1"])).unwrap().unwrap();
        assert_eq!(read.name.as_str(), "a.example.com");
        assert_eq!(read.protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
    }

    #[test]
    fn a_hello_is_read_in_pieces_of_any_size() {
        let bytes = rustls_hello("a.example.com", &[]);
        for size in [1, 2, 3, 5, 7, 100] {
            let mut reader = HelloReader::default();
            let read: Vec<_> = bytes.chunks(size).filter_map(|piece| reader.push(piece).unwrap()).collect();
            assert_eq!(read.len(), 1);
            assert_eq!(read[0].name.as_str(), "a.example.com");
            assert_eq!(reader.into_bytes(), bytes);
        }
    }

    #[test]
    fn a_hello_is_read_over_records() {
        let whole = hello(&[server_name(b"a.example.com")]);
        for size in [1, 2, 3, 4, 5, 50] {
            assert_eq!(name(&fragmented(&whole, size)), "a.example.com", "records of {size}");
        }
    }

    #[test]
    fn what_follows_the_hello_in_records_of_its_own_is_left_alone() {
        let mut bytes = rustls_hello("a.example.com", &[]);
        bytes.extend([23, 3, 3, 0, 1, 0]);
        assert_eq!(name(&bytes), "a.example.com");
    }

    #[test]
    fn no_name_an_address_and_a_hidden_name_are_refused() {
        let listed = || server_name(b"a.example.com");
        assert_eq!(name(&hello(&[listed()])), "a.example.com");
        assert_eq!(read(&hello(&[])), Err(Refusal::NoName));
        assert_eq!(read(&hello(&[listed(), hidden()])), Err(Refusal::Hidden));
        assert_eq!(read(&hello(&[extension(0xffce, &[1, 2, 3]), listed()])), Err(Refusal::Hidden));
        for address in ["127.0.0.1", "10.0.0.1", "::1"] {
            assert!(read(&hello(&[server_name(address.as_bytes())])).is_err(), "{address}");
        }
    }

    #[test]
    fn what_servers_could_read_in_another_way_is_refused() {
        let one = || server_name(b"a.example.com");
        let two_names = block(2, &[&one()[6..], &server_name(b"b.example.com")[6..]].concat());
        for (what, bytes) in [
            ("two extensions with a name", hello(&[one(), server_name(b"b.example.com")])),
            ("two names in one", hello(&[extension(0, &two_names)])),
            ("a name with something behind it", hello(&[extension(0, &[&one()[4..], &[0]].concat())])),
            ("a name that is none", hello(&[server_name(b"a example")])),
            ("a name with a null", hello(&[server_name(b"a.example.com\0.b.example")])),
            ("another message in the same record", {
                let mut message = hello(&[one()]);
                message.extend([20, 0, 0, 0]);
                let length = u16::try_from(message.len() - 5).unwrap().to_be_bytes();
                message[3..5].copy_from_slice(&length);
                message
            }),
            ("no hello", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
            ("the hello of an old time", vec![0x80, 0x2e, 1, 3, 1, 0, 0x15]),
        ] {
            assert!(read(&bytes).is_err(), "{what}: {:?}", read(&bytes));
        }
    }

    #[test]
    fn a_hello_is_bounded() {
        let padding = extension(21, &vec![0; 60_000]);
        assert_eq!(
            name(&fragmented(&hello(&[server_name(b"a.example.com"), padding.clone()]), 16_000)),
            "a.example.com"
        );
        // every byte in a record of its own
        let thin = fragmented(&hello(&[server_name(b"a.example.com"), padding]), 1);
        let mut reader = HelloReader::default();
        assert!(thin.chunks(1000).any(|piece| reader.push(piece).is_err()));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, size in 1usize..9) {
            let mut reader = HelloReader::default();
            for piece in bytes.chunks(size) {
                if !matches!(reader.push(piece), Ok(None)) { break }
            }
        }

        #[test]
        fn a_hello_with_one_byte_changed_has_its_name_or_is_another_one(at: prop::sample::Index, byte: u8) {
            let mut bytes = rustls_hello("a.example.com", &[]);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(Some(read)) = read(&bytes) {
                // the name is one that stands in the bytes
                prop_assert!(memchr::memmem::find(&bytes.to_ascii_lowercase(), read.name.as_str().as_bytes()).is_some());
            }
        }
    }
}
