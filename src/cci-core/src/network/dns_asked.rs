//! A question that a policy's name server passes on, because it does not know the name: whose it is, and that there is no such
//! name.

use std::net::Ipv4Addr;

use super::host_name::HostName;

/// Such a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsAsked {
    /// Its number, what it wants, and what it is about: what an answer repeats.
    repeated: Vec<u8>,
    /// The name, if it is one of a host below a public zone.
    name: Option<HostName>,
    /// The address of whoever asked.
    from: Option<Ipv4Addr>,
}

const HEADER: usize = 12;
/// The record that carries options, and the option with the address of whoever asked (RFC 7871).
const OPTIONS: [u8; 2] = [0, 41];
const SUBNET: [u8; 2] = [0, 8];

impl DnsAsked {
    /// Reads it; `None` for what is no question about one name.
    #[must_use]
    pub fn read(message: &[u8]) -> Option<Self> {
        let (header, rest) = message.split_at_checked(HEADER)?;
        // a question, of the usual kind, about one thing, with nothing but options after it
        if header[2] & 0xf8 != 0 || header[4..6] != [0, 1] || header[6..10] != [0; 4] {
            return None;
        }
        let (labels, rest) = labels(rest)?;
        let (_, options) = rest.split_at_checked(4)?;
        let asked = &message[..message.len() - options.len()];
        let from = if header[10..12] == [0, 1] { asker(options) } else { None };
        Some(Self { repeated: asked.to_vec(), name: name(&labels), from })
    }

    /// The name that is looked up, if it is one of a host: without a dot it is at most one of the local network, and a reverse
    /// name is an address.
    #[must_use]
    pub fn name(&self) -> Option<&HostName> {
        self.name.as_ref()
    }

    /// The address of whoever asked, as the name server that passed it on says.
    #[must_use]
    pub fn from(&self) -> Option<Ipv4Addr> {
        self.from
    }

    /// The answer that there is no such name.
    #[must_use]
    pub fn no_such_name(&self) -> Vec<u8> {
        const NO_SUCH_NAME: u8 = 3;
        let mut answer = self.repeated.clone();
        // an answer, which is not cut, by one that asks others
        answer[2] = 0x80 | answer[2] & 1;
        answer[3] = 0x80 | NO_SUCH_NAME;
        answer[10..12].fill(0);
        answer
    }
}

/// The parts of a name, and what follows it. A question has nothing before it that it could refer to.
fn labels(mut bytes: &[u8]) -> Option<(Vec<&[u8]>, &[u8])> {
    let mut labels = Vec::new();
    loop {
        let (length, rest) = bytes.split_first()?;
        if *length == 0 {
            return Some((labels, rest));
        }
        let (label, rest) = rest.split_at_checked(usize::from(*length)).filter(|_| *length < 64)?;
        labels.push(label);
        bytes = rest;
    }
}

fn name(labels: &[&[u8]]) -> Option<HostName> {
    // a dot within a label is no end of it
    let is_reverse = labels.last()?.eq_ignore_ascii_case(b"arpa");
    if is_reverse || labels.len() < 2 || labels.iter().any(|label| label.contains(&b'.')) {
        return None;
    }
    HostName::sent(&labels.join(&b'.')).ok()
}

/// The address in the options, if it is there once and whole.
fn asker(record: &[u8]) -> Option<Ipv4Addr> {
    let (head, data) = record.split_at_checked(11)?;
    let length = usize::from(u16::from_be_bytes([head[9], head[10]]));
    if head[0] != 0 || head[1..3] != OPTIONS || data.len() != length {
        return None;
    }
    let (mut rest, mut found) = (data, None);
    while let Some((head, after)) = rest.split_at_checked(4) {
        let (value, next) = after.split_at_checked(usize::from(u16::from_be_bytes([head[2], head[3]])))?;
        rest = next;
        if head[..2] == SUBNET && found.replace(subnet(value)?).is_some() {
            return None;
        }
    }
    found.filter(|_| rest.is_empty())
}

/// The address of one host, of IPv4.
fn subnet(value: &[u8]) -> Option<Ipv4Addr> {
    const WHOLE_IPV4: [u8; 4] = [0, 1, 32, 0];
    let address = value.strip_prefix(&WHOLE_IPV4)?;
    <[u8; 4]>::try_from(address).ok().map(Ipv4Addr::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::dns_query::{DnsAnswer, DnsQuery, Family};
    use super::*;

    const WHO: [u8; 12] = [0, 8, 0, 8, 0, 1, 32, 0, 10, 1, 2, 3];

    fn question(name: &str, options: &[u8]) -> Vec<u8> {
        let query = DnsQuery::new([7, 9], &HostName::typed(name).unwrap(), Family::Four);
        let mut bytes = query.bytes().to_vec();
        bytes[11] = 1;
        bytes.extend([0, 0, 41, 4, 208, 0, 0, 0, 0]);
        bytes.extend(u16::try_from(options.len()).unwrap().to_be_bytes());
        bytes.extend(options);
        bytes
    }

    fn from(options: &[u8]) -> Option<Ipv4Addr> {
        DnsAsked::read(&question("a.example", options)).unwrap().from()
    }

    #[test]
    fn it_says_which_name_and_who_asks() {
        let asked = DnsAsked::read(&question("A.Example", &WHO)).unwrap();
        assert_eq!(asked.name().unwrap().as_str(), "a.example");
        assert_eq!(asked.from(), Some(Ipv4Addr::new(10, 1, 2, 3)));
    }

    #[test]
    fn nobody_is_known_by_half_an_address_or_by_two() {
        let cookie = [0, 10, 0, 2, 5, 5];
        assert_eq!(from(&[&cookie[..], &WHO].concat()), Some(Ipv4Addr::new(10, 1, 2, 3)));
        assert_eq!(from(&cookie), None);
        assert_eq!(from(&[WHO, WHO].concat()), None);
        assert_eq!(from(&[0, 8, 0, 7, 0, 1, 24, 0, 10, 1, 2]), None, "a subnet");
        assert_eq!(from(&WHO[..11]), None);
        assert_eq!(from(&[&WHO[..], &[0]].concat()), None);
    }

    #[test]
    fn what_is_no_name_of_a_host_is_none() {
        for name in ["nodot", "1.0.0.10.in-addr.arpa"] {
            assert_eq!(DnsAsked::read(&question(name, &WHO)).unwrap().name(), None, "{name}");
        }
        let mut dotted = question("a.example", &WHO);
        dotted[HEADER + 4] = b'.';
        assert_eq!(DnsAsked::read(&dotted).unwrap().name(), None);
    }

    #[test]
    fn it_is_answered_that_there_is_no_such_name() {
        let name = HostName::typed("a.example").unwrap();
        let query = DnsQuery::new([7, 9], &name, Family::Four);
        for asked in [query.bytes().to_vec(), question("a.example", &WHO)] {
            let answer = DnsAsked::read(&asked).unwrap().no_such_name();
            assert_eq!(query.read(&answer), Some(DnsAnswer::Addresses(Vec::new())));
            assert_eq!(DnsAsked::read(&answer), None, "an answer is no question");
        }
    }

    proptest! {
        #[test]
        fn no_message_makes_it_panic(message in prop::collection::vec(any::<u8>(), 0..64), at in 0..60usize, byte: u8) {
            let _ = DnsAsked::read(&message);
            let mut question = question("a.example", &WHO);
            question[at.min(45)] = byte;
            if let Some(asked) = DnsAsked::read(&question) {
                prop_assert!(asked.no_such_name().len() <= question.len());
            }
        }
    }
}
