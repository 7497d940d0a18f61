//! The name of a host in its one form: as a rule has it, and as it comes in a request.

use std::fmt;

/// A host's name: lower case, ASCII, without a dot at its end, and nothing that a resolver takes for an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(String);

/// Why a text is not the name of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAName {
    /// It is an address, however written.
    #[error("an address and not a name")]
    Address,
    /// It is neither.
    #[error("not the name of a host")]
    Shape,
}

impl HostName {
    /// Reads what a person typed: letters beyond ASCII become what a look-up asks for.
    pub fn typed(raw: &str) -> Result<Self, NotAName> {
        if raw.is_ascii() {
            return Self::sent(raw.as_bytes());
        }
        let ascii = idna::domain_to_ascii(raw).map_err(|_| NotAName::Shape)?;
        Self::sent(ascii.as_bytes())
    }

    /// Reads what a program sent: there a name is ASCII already.
    pub fn sent(raw: &[u8]) -> Result<Self, NotAName> {
        let raw = std::str::from_utf8(raw).map_err(|_| NotAName::Shape)?;
        let name = raw.strip_suffix('.').unwrap_or(raw);
        if name.starts_with('[') || name.contains(':') {
            return Err(NotAName::Address);
        }
        if name.len() > 253 || !name.split('.').all(is_label) {
            return Err(NotAName::Shape);
        }
        // `127.1` and `0x7f000001` too: resolvers read any last label that is a number as an address
        if name.rsplit('.').next().is_some_and(is_number) {
            return Err(NotAName::Address);
        }
        Ok(Self(name.to_ascii_lowercase()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether names below it belong to whoever registers them: `com`, `co.uk`, `github.io`.
    #[must_use]
    pub fn is_public_suffix(&self) -> bool {
        self.public_suffix_len() == self.0.len()
    }

    /// Whether it is below another, with no public suffix between the two: `a.b.example.com` is below `example.com`, while
    /// what is below `s3.amazonaws.com` is everybody's and so not below `amazonaws.com`.
    #[must_use]
    pub fn is_below(&self, other: &Self) -> bool {
        let rest = self.0.strip_suffix(other.as_str()).and_then(|rest| rest.strip_suffix('.'));
        rest.is_some_and(|rest| !rest.is_empty()) && self.public_suffix_len() < other.0.len()
    }

    /// The names above it, the nearest first.
    pub(super) fn above(&self) -> impl Iterator<Item = Self> + use<'_> {
        self.0.match_indices('.').map(|(dot, _)| Self(self.0[dot + 1..].to_owned()))
    }

    /// What somebody registered of it: `example.co.uk` of `a.b.example.co.uk`.
    pub(super) fn registered(&self) -> &str {
        psl::domain_str(&self.0).unwrap_or(&self.0)
    }

    fn public_suffix_len(&self) -> usize {
        psl::suffix_str(&self.0).map_or(self.0.len(), str::len)
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl From<HostName> for String {
    fn from(name: HostName) -> Self {
        name.0
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn is_number(label: &str) -> bool {
    let hexadecimal = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    let is_hexadecimal = hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    // what has no letter is a number or nothing: `-`, `_` and digits
    is_hexadecimal || !label.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sent(raw: &str) -> HostName {
        HostName::sent(raw.as_bytes()).unwrap()
    }

    #[test]
    fn a_name_has_one_form() {
        for (raw, form) in [
            ("API.Example.com.", "api.example.com"),
            ("localhost", "localhost"),
            ("_dmarc.example.com", "_dmarc.example.com"),
            ("Bücher.example", "xn--bcher-kva.example"),
            ("ｅxample。com", "example.com"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(HostName::typed(raw).unwrap().as_str(), form, "{raw}");
        }
    }

    #[test]
    fn an_address_is_no_name_however_it_is_written() {
        for raw in
            ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0X7f.0x1", "0x", "[::1]", "::1", "fe80::1", "a.1"]
        {
            assert_eq!(HostName::sent(raw.as_bytes()), Err(NotAName::Address), "{raw}");
        }
        assert_eq!(sent("0xample.com").as_str(), "0xample.com");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = "a".repeat(64);
        for raw in
            ["", ".", "..", "a..b", ".a", "-a.b", "a-.b", "a b", "a\0b", "a/b", "a@b", "*.a", "bücher.example", &long]
        {
            assert_eq!(HostName::sent(raw.as_bytes()), Err(NotAName::Shape), "{raw}");
        }
        assert_eq!(HostName::sent(b"a\xff.example"), Err(NotAName::Shape));
        assert_eq!(HostName::typed(&format!("{}a", "a.".repeat(127))), Err(NotAName::Shape));
    }

    #[test]
    fn public_suffixes_are_known() {
        for suffix in ["com", "co.uk", "github.io", "vercel.app", "s3.amazonaws.com", "unknown-top-level", "foo.ck"] {
            assert!(sent(suffix).is_public_suffix(), "{suffix}");
        }
        for name in ["example.com", "a.co.uk", "amazonaws.com", "corp.internal"] {
            assert!(!sent(name).is_public_suffix(), "{name}");
        }
    }

    #[test]
    fn below_ends_at_a_public_suffix() {
        let below = |name: &str, other: &str| sent(name).is_below(&sent(other));
        assert!(below("a.example.com", "example.com"));
        assert!(below("a.b.example.com", "example.com"));
        assert!(below("sts.amazonaws.com", "amazonaws.com"));
        assert!(!below("example.com", "example.com"));
        assert!(!below("evilexample.com", "example.com"));
        assert!(!below("example.com.evil.net", "example.com"));
        assert!(!below("bucket.s3.amazonaws.com", "amazonaws.com"));
        assert!(!below("example.com", "com"));
        assert!(!below("me.github.io", "github.io"));
    }

    proptest! {
        #[test]
        fn a_name_that_is_read_is_read_again_as_the_same(raw in "\\PC{0,60}") {
            if let Ok(name) = HostName::typed(&raw) {
                prop_assert_eq!(HostName::sent(name.as_str().as_bytes()), Ok(name.clone()));
                prop_assert!(name.as_str().parse::<std::net::IpAddr>().is_err());
            }
        }

        #[test]
        fn no_bytes_panic(raw: Vec<u8>) {
            let _ = HostName::sent(&raw);
        }
    }
}
