//! A question to a name server for the addresses of a name, and how its answer is read.
//!
//! One question and two types of record: less than a library for all of DNS needs to be told to leave out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::host_name::HostName;

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsQuery {
    bytes: Vec<u8>,
    kind: Family,
}

/// Which addresses are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    Four = 1,
    /// IPv6.
    Six = 28,
}

/// What is read of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DnsAnswer {
    /// It does not fit into a datagram.
    Cut,
    /// The server does not know.
    Failed,
    /// The addresses, each with the seconds it may be used for; none if the name has none.
    Addresses(Vec<(IpAddr, u32)>),
}

const HEADER: usize = 12;
/// The class of the internet, as it follows a type.
const INTERNET: [u8; 2] = [0, 1];

impl DnsQuery {
    /// For a name. `id` is what nobody else can guess.
    #[must_use]
    pub fn new(id: [u8; 2], name: &HostName, kind: Family) -> Self {
        // one question, and the server is to ask others
        let mut bytes = vec![id[0], id[1], 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.as_str().split('.') {
            bytes.push(u8::try_from(label.len()).unwrap_or_default());
            bytes.extend(label.as_bytes());
        }
        bytes.extend([0, 0, kind as u8]);
        bytes.extend(INTERNET);
        Self { bytes, kind }
    }

    /// As it is sent.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads an answer; `None` for what is none to this question.
    #[must_use]
    pub fn read(&self, message: &[u8]) -> Option<DnsAnswer> {
        let (header, rest) = message.split_at_checked(HEADER)?;
        let (asked, mut records) = rest.split_at_checked(self.bytes.len() - HEADER)?;
        let is_its = header[..2] == self.bytes[..2] && header[2] & 0x80 != 0 && header[4..6] == [0, 1];
        if !is_its || !asked.eq_ignore_ascii_case(&self.bytes[HEADER..]) {
            return None;
        }
        match header[3] & 0xf {
            _ if header[2] & 2 != 0 => return Some(DnsAnswer::Cut),
            0 => {}
            // there is no such name
            3 => return Some(DnsAnswer::Addresses(Vec::new())),
            _ => return Some(DnsAnswer::Failed),
        }
        let mut addresses = Vec::new();
        for _ in 0..u16::from_be_bytes([header[6], header[7]]) {
            let (head, after) = after_name(records)?.split_at_checked(10)?;
            let (data, next) = after.split_at_checked(usize::from(u16::from_be_bytes([head[8], head[9]])))?;
            records = next;
            if head[..2] == [0, self.kind as u8] && head[2..4] == INTERNET {
                addresses.push((address(data)?, u32::from_be_bytes([head[4], head[5], head[6], head[7]])));
            }
        }
        Some(DnsAnswer::Addresses(addresses))
    }
}

fn address(data: &[u8]) -> Option<IpAddr> {
    match data.len() {
        4 => <[u8; 4]>::try_from(data).ok().map(|data| Ipv4Addr::from(data).into()),
        16 => <[u8; 16]>::try_from(data).ok().map(|data| Ipv6Addr::from(data).into()),
        _ => None,
    }
}

/// What follows a name, which may end in a reference to another one.
fn after_name(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let (length, rest) = bytes.split_first()?;
        match length {
            0 => return Some(rest),
            1..=63 => bytes = rest.get(usize::from(*length)..)?,
            0xc0.. => return rest.get(1..),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query(kind: Family) -> DnsQuery {
        DnsQuery::new([7, 9], &HostName::typed("a.example").unwrap(), kind)
    }

    fn answer(kind: Family, flags: [u8; 2], records: &[&[u8]]) -> Vec<u8> {
        let count = u8::try_from(records.len()).unwrap();
        let head = [7, 9, flags[0], flags[1], 0, 1, 0, count, 0, 0, 0, 0];
        [&head[..], &query(kind).bytes()[HEADER..], &records.concat()].concat()
    }

    /// An alias, and the address of what it stands for.
    const ALIAS: &[u8] = &[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 4, 1, b'b', 0xc0, 14];
    const FOUR: &[u8] = &[1, b'b', 0xc0, 14, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 198, 51, 100, 1];

    #[test]
    fn the_addresses_of_a_name_and_of_what_it_stands_for() {
        let read = |message: &[u8]| query(Family::Four).read(message);
        let addresses = vec![("198.51.100.1".parse().unwrap(), 30)];
        let message = answer(Family::Four, [0x81, 0x80], &[ALIAS, FOUR]);
        assert_eq!(read(&message), Some(DnsAnswer::Addresses(addresses)));
        for cut in 0..message.len() {
            assert_eq!(read(&message[..cut]), None, "{cut}");
        }
        assert_eq!(read(&answer(Family::Four, [0x81, 0x83], &[])), Some(DnsAnswer::Addresses(Vec::new())));
        assert_eq!(read(&answer(Family::Four, [0x81, 0x82], &[])), Some(DnsAnswer::Failed));
        assert_eq!(read(&answer(Family::Four, [0x83, 0x80], &[])), Some(DnsAnswer::Cut));
    }

    #[test]
    fn what_answers_another_question_is_none() {
        let mut other_id = answer(Family::Four, [0x81, 0x80], &[FOUR]);
        other_id[0] = 8;
        let question = answer(Family::Four, [0x01, 0x80], &[FOUR]);
        for message in [other_id, question, answer(Family::Six, [0x81, 0x80], &[FOUR])] {
            assert_eq!(query(Family::Four).read(&message), None);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(records in prop::collection::vec(any::<u8>(), 0..80), count in any::<u8>()) {
            let mut message = answer(Family::Four, [0x81, 0x80], &[&records]);
            message[7] = count;
            let _ = query(Family::Four).read(&message);
            let _ = query(Family::Six).read(&records);
        }
    }
}
