//! One line of an allowlist: a name, an address or a block, and its ports.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::block::Block;
use super::host_name::HostName;

/// The target of an entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A host name.
    Name(HostName),
    /// Every name below this one, at any depth; not the name itself.
    Below(HostName),
    /// An address or a block of them.
    Block(Block),
}

/// Its ports; none means every protocol and port.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ports(BTreeSet<(u16, u16)>);

/// One thing that an allowlist lets through.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// What it is about.
    pub target: Target,
    /// Which ports (TCP and UDP).
    pub ports: Ports,
}

/// Why a text is not an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// It has a `*`, and ports on which no request names its host.
    #[error(
        "allowed domain '{0}': a wildcard is judged by the name that a request has, so it is for the ports 80 and 443 only; list each name for others"
    )]
    Wildcard(String),
    /// It has a `*` that does not stand for the names below one.
    #[error("allowed domain '{0}': a wildcard is written `*.example.com`, and stands for every name below that one")]
    WildcardShape(String),
    /// It has a `*` below a public suffix.
    #[error(
        "allowed domain '{0}': a wildcard would let in everybody who registers a name there; list each name, or a wildcard below one of them"
    )]
    PublicSuffix(String),
    /// It is an IPv6 address.
    #[error("allowed domain '{0}': IPv6 is off in containers; give the IPv4 address or the name")]
    Ipv6(String),
    /// It is where an allowlist never leads.
    #[error(
        "allowed domain '{0}': private, link-local and loopback addresses are never reachable in allowlist mode; list a single service in network.hosts, or use `mode = \"open\"` for local networks"
    )]
    Private(String),
    /// It is a URL.
    #[error("allowed domain '{0}': give the host name only, without a scheme or a path")]
    Url(String),
    /// The ports are wrong.
    #[error("allowed domain '{0}': ports are written `:443`, `:80,443` or `:8000-8100`, from 1 to 65535")]
    Ports(String),
    /// It names a preset that there is not; these are.
    #[error("allowed domain '{0}': there is no such preset; there are {1}")]
    Preset(String, String),
    /// It is to be allowed while a container runs, and is not judged by name.
    #[error(
        "'{0}': while a container runs, only what is judged by name can be allowed: a name or `*.name`, on the ports 80 and 443; list it in network.allowed_domains for the next one"
    )]
    Fixed(String),
    /// It is not a name, an address or a block.
    #[error("allowed domain '{0}': not a host name, an IPv4 address or a CIDR")]
    Shape(String),
}

/// The ports whose connections name the host that they are for: the first is HTTP's, the other that of TLS.
pub const BY_NAME: [u16; 2] = [80, 443];

impl Ports {
    /// Whether a port is among them.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        self.is_every() || self.0.iter().any(|(first, last)| (*first..=*last).contains(&port))
    }

    /// Whether it is empty, which means all.
    #[must_use]
    pub fn is_every(&self) -> bool {
        self.0.is_empty()
    }

    /// These without some; `None` if none is left. Of every protocol and port, those with ports are left.
    #[must_use]
    pub fn without(&self, taken: &[u16]) -> Option<Self> {
        let every = BTreeSet::from([(1, u16::MAX)]);
        let mut left = if self.is_every() { every } else { self.0.clone() };
        for port in taken {
            let below = |(first, last): (u16, u16)| (first < *port).then(|| (first, last.min(port - 1)));
            let above = |(first, last): (u16, u16)| (last > *port).then(|| (first.max(port + 1), last));
            left = left.into_iter().flat_map(|range| [below(range), above(range)]).flatten().collect();
        }
        (!left.is_empty()).then_some(Self(left))
    }
}

impl<const COUNT: usize> From<[u16; COUNT]> for Ports {
    fn from(ports: [u16; COUNT]) -> Self {
        ports.into_iter().collect()
    }
}

impl FromIterator<u16> for Ports {
    fn from_iter<T: IntoIterator<Item = u16>>(ports: T) -> Self {
        Self(ports.into_iter().map(|port| (port, port)).collect())
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (first, last)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            if first == last { write!(out, "{comma}{first}")? } else { write!(out, "{comma}{first}-{last}")? }
        }
        Ok(())
    }
}

impl FromStr for Ports {
    type Err = ();

    fn from_str(raw: &str) -> Result<Self, ()> {
        let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0).ok_or(());
        let range = |text: &str| {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            let (first, last) = (port(first)?, port(last)?);
            if first <= last { Ok((first, last)) } else { Err(()) }
        };
        raw.split(',').map(range).collect::<Result<_, ()>>().map(Self)
    }
}

impl Entry {
    /// Reads one that can be enforced: what is behind a wildcard has no address that is known in advance, so that it can
    /// have no port on which only addresses are known.
    pub fn enforced(raw: &str) -> Result<Self, EntryError> {
        let entry = raw.parse::<Self>()?;
        let is_wildcard = matches!(entry.target, Target::Below(_));
        if is_wildcard && !entry.ports.is_every() && entry.ports.without(&BY_NAME).is_some() {
            return Err(EntryError::Wildcard(raw.to_owned()));
        }
        Ok(entry)
    }

    /// Whether it lets something through by the name that a connection is for.
    #[must_use]
    pub fn is_by_name(&self) -> bool {
        let has_name = matches!(self.target, Target::Name(_) | Target::Below(_));
        has_name && BY_NAME.iter().any(|port| self.ports.contains(*port))
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Name(name) => name.fmt(out)?,
            Target::Below(name) => write!(out, "*.{name}")?,
            Target::Block(block) => write!(out, "{block}")?,
        }
        if self.ports.is_every() { Ok(()) } else { write!(out, ":{}", self.ports) }
    }
}

impl FromStr for Entry {
    type Err = EntryError;

    fn from_str(raw: &str) -> Result<Self, EntryError> {
        let text = raw.trim();
        let refused = |error: fn(String) -> EntryError| error(raw.to_owned());
        if text.contains("://") {
            return Err(refused(EntryError::Url));
        }
        if text.matches(':').count() > 1 {
            return Err(refused(EntryError::Ipv6));
        }
        let (host, ports) = match text.split_once(':') {
            Some((host, ports)) => (host, ports.parse().map_err(|()| refused(EntryError::Ports))?),
            None => (text, Ports::default()),
        };
        if host.contains('*') {
            let base = host.strip_prefix("*.").and_then(|base| HostName::typed(base).ok());
            let base = base.ok_or_else(|| refused(EntryError::WildcardShape))?;
            let refusal = base.is_public_suffix().then(|| refused(EntryError::PublicSuffix));
            return refusal.map_or(Ok(Self { target: Target::Below(base), ports }), Err);
        }
        let target = match host.parse::<Block>() {
            Ok(block) if block.is_never_public() => return Err(refused(EntryError::Private)),
            Ok(block) => Target::Block(block),
            Err(_) if host.contains('/') => return Err(refused(EntryError::Url)),
            Err(_) => Target::Name(HostName::typed(host).map_err(|_| refused(EntryError::Shape))?),
        };
        Ok(Self { target, ports })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(raw: &str) -> String {
        raw.parse::<Entry>().unwrap_err().to_string()
    }

    #[test]
    fn names_addresses_blocks_and_ports_are_read() {
        for (raw, canonical) in [
            ("API.Example.com.", "api.example.com"),
            (" 198.51.100.10 ", "198.51.100.10"),
            ("198.51.100.77/24", "198.51.100.0/24"),
            ("a.example:443", "a.example:443"),
            ("a.example:443,80", "a.example:80,443"),
            ("a.example:8000-8100", "a.example:8000-8100"),
            ("198.51.100.0/24:80", "198.51.100.0/24:80"),
            ("localhost.localdomain", "localhost.localdomain"),
            ("bücher.example:443", "xn--bcher-kva.example:443"),
            ("*.Example.com.", "*.example.com"),
            ("*.bücher.example:443", "*.xn--bcher-kva.example:443"),
            ("*.s3.example.co.uk", "*.s3.example.co.uk"),
        ] {
            assert_eq!(raw.parse::<Entry>().unwrap().to_string(), canonical, "{raw}");
        }
    }

    #[test]
    fn what_cannot_be_enforced_is_refused_with_the_reason() {
        for (raw, reason) in [
            ("*", "is written"),
            ("*.", "is written"),
            ("**.example.com", "is written"),
            ("a.*.example.com", "is written"),
            ("a*.example.com", "is written"),
            ("*.198.51.100.1", "is written"),
            ("*.exa mple.com", "a wildcard"),
            ("*.com", "registers a name there"),
            ("*.co.uk:443", "registers a name there"),
            ("*.github.io", "registers a name there"),
            ("https://*.example.com", "scheme"),
            ("127.1", "not a host name"),
            ("0x7f000001", "not a host name"),
            ("2001:db8::1", "IPv6"),
            ("10.1.2.3", "private"),
            ("169.254.169.254:80", "private"),
            ("https://a.example", "scheme"),
            ("a.example/path", "path"),
            ("a.example:0", "ports"),
            ("a.example:9-8", "ports"),
            ("a.example:http", "ports"),
            ("a..b", "not a host name"),
            ("300.1.1.1", "not a host name"),
            ("a b", "not a host name"),
            ("", "not a host name"),
            ("x,1.2.3.4", "not a host name"),
        ] {
            assert!(error(raw).contains(reason), "{raw}: {}", error(raw));
        }
    }

    #[test]
    fn a_wildcard_has_no_port_without_a_name() {
        for raw in ["*.example.com:22", "*.example.com:443,8443", "*.example.com:1-65535"] {
            let refused = Entry::enforced(raw).unwrap_err();
            assert!(refused.to_string().contains("for the ports 80 and 443 only"), "{raw}: {refused}");
        }
        for raw in ["a.example.com:22", "*.example.com", "*.example.com:443", "*.example.com:80,443"] {
            assert_eq!(Entry::enforced(raw), raw.parse(), "{raw}");
        }
    }

    #[test]
    fn what_is_listed_by_name_for_the_web_is_judged_by_name() {
        for (raw, by_name) in [
            ("a.example", true),
            ("a.example:80", true),
            ("a.example:400-500", true),
            ("*.example.com", true),
            ("a.example:22", false),
            ("198.51.100.1", false),
            ("198.51.100.1:443", false),
        ] {
            assert_eq!(raw.parse::<Entry>().unwrap().is_by_name(), by_name, "{raw}");
        }
    }

    #[test]
    fn ports_are_taken_away() {
        let left = |raw: &str| raw.parse::<Ports>().unwrap().without(&BY_NAME).map(|left| left.to_string());
        assert_eq!(Ports::default().without(&BY_NAME).unwrap().to_string(), "1-79,81-442,444-65535");
        assert_eq!(left("80,443"), None);
        assert_eq!(left("22,443"), Some("22".into()));
        assert_eq!(left("79-81"), Some("79,81".into()));
        assert_eq!(left("443-65535"), Some("444-65535".into()));
        assert_eq!("1".parse::<Ports>().unwrap().without(&[1]), None);
        assert_eq!("65535".parse::<Ports>().unwrap().without(&[65535]), None);
    }

    proptest! {
        #[test]
        fn a_port_is_left_unless_it_is_taken(raw in "([1-9][0-9]{0,3}(-6[0-4][0-9]{3})?,){0,3}[1-9][0-9]{0,3}", port in 1u16..) {
            let ports: Ports = raw.parse().unwrap();
            let left = ports.without(&BY_NAME);
            let is_left = left.is_some_and(|left| left.contains(port));
            prop_assert_eq!(is_left, ports.contains(port) && !BY_NAME.contains(&port));
        }

        #[test]
        fn reading_never_panics_and_what_is_read_has_one_form(raw in "\\PC{0,40}") {
            if let Ok(entry) = raw.parse::<Entry>() {
                prop_assert_eq!(entry.to_string().parse(), Ok(entry));
            }
        }

        #[test]
        fn a_private_address_never_gets_in(last: u32, block in prop::sample::select(Block::PRIVATE.to_vec())) {
            let bits = u32::from(block.base()) | (last & 0x3f_ffff & !0xf_0000);
            let address = std::net::Ipv4Addr::from(bits);
            prop_assume!(block.contains(address));
            prop_assert!(address.to_string().parse::<Entry>().is_err());
        }
    }
}
