//! A host that gets the value of a secret.

use std::fmt::{self, Display};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a host is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// Encrypted, and to the host of this name only.
    Https,
    /// In the clear: whoever is on the way reads the value.
    Http,
}

impl Scheme {
    /// As it begins a URL.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
        }
    }
}

/// One host, spoken to by https unless it is written with `http://`; never a pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretHost {
    name: String,
    scheme: Scheme,
    port: u16,
}

/// It is no such host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no host: write a name or an address, perhaps with a port, and http:// before it if it is not to be encrypted"
)]
pub struct NoSecretHost(String);

impl SecretHost {
    /// The host of a name that is known to be one.
    pub(super) fn of_name(name: &str) -> Self {
        Self { name: name.to_owned(), scheme: Scheme::Https, port: Scheme::Https.port() }
    }

    /// Its name or address, without a port.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is spoken to.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Whether its TLS can be ended for a secret: it is reached under a name, at the port of TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.scheme == Scheme::Https && self.port == self.scheme.port() && !is_address(&self.name)
    }

    /// Another host of the same service, spoken to in the same way.
    pub(super) fn beside(&self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self.clone() }
    }

    /// Whether a request that asks for this name and port, as in a URL of `http://`, means this host.
    #[must_use]
    pub fn is_meant(&self, name: &str, port: Option<u16>) -> bool {
        let usual = self.port == self.scheme.port();
        let is_port = port.is_none_or(|port| port == Scheme::Http.port() && usual || port == self.port);
        self.name.eq_ignore_ascii_case(name) && is_port && (port.is_some() || usual)
    }

    /// What a URL has between its scheme and its path.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == self.scheme.port() { self.name.clone() } else { format!("{}:{}", self.name, self.port) }
    }

    /// Where requests for it go.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme.word(), self.authority())
    }
}

impl FromStr for SecretHost {
    type Err = NoSecretHost;

    fn from_str(raw: &str) -> Result<Self, NoSecretHost> {
        let none = || NoSecretHost(raw.escape_default().to_string());
        let (scheme, rest) = match raw.split_once("://") {
            None => (Scheme::Https, raw),
            Some(("https", rest)) => (Scheme::Https, rest),
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(_) => return Err(none()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let after_address = rest.rfind(']').map_or(0, |at| at + 1);
        let (name, port) = match rest[after_address..].rfind(':') {
            Some(at) => (&rest[..after_address + at], Some(&rest[after_address + at + 1..])),
            None => (rest, None),
        };
        let port = match port {
            None => scheme.port(),
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => match digits.parse::<u16>() {
                Ok(port) if port > 0 => port,
                _ => return Err(none()),
            },
            Some(_) => return Err(none()),
        };
        if !is_address(name) && !is_name(name) {
            return Err(none());
        }
        Ok(Self { name: name.to_ascii_lowercase(), scheme, port })
    }
}

fn is_address(name: &str) -> bool {
    let six = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    six.is_some_and(|six| six.parse::<Ipv6Addr>().is_ok()) || name.parse::<Ipv4Addr>().is_ok()
}

/// Whether it is a name of the domain system, and no number that some programs take for an address.
fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit()) || label.starts_with("0x");
    name.len() <= 253 && name.split('.').all(is_label) && !name.rsplit('.').next().is_some_and(is_number)
}

impl TryFrom<String> for SecretHost {
    type Error = NoSecretHost;

    fn try_from(raw: String) -> Result<Self, NoSecretHost> {
        raw.parse()
    }
}

impl From<SecretHost> for String {
    fn from(host: SecretHost) -> Self {
        host.to_string()
    }
}

impl Display for SecretHost {
    /// As it is written: https goes without saying.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme {
            Scheme::Https => out.write_str(&self.authority()),
            Scheme::Http => out.write_str(&self.origin()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(raw: &str) -> SecretHost {
        raw.parse().unwrap()
    }

    #[test]
    fn a_host_is_encrypted_unless_it_says_otherwise() {
        for (raw, shown, origin) in [
            ("api.example.com", "api.example.com", "https://api.example.com"),
            ("https://API.Example.com:443/", "api.example.com", "https://api.example.com"),
            ("api.example.com:8443", "api.example.com:8443", "https://api.example.com:8443"),
            ("http://intranet", "http://intranet", "http://intranet"),
            ("http://192.0.2.1:8080", "http://192.0.2.1:8080", "http://192.0.2.1:8080"),
            ("http://[2001:db8::1]:80", "http://[2001:db8::1]", "http://[2001:db8::1]"),
        ] {
            assert_eq!((host(raw).to_string().as_str(), host(raw).origin().as_str()), (shown, origin), "{raw}");
            assert_eq!(host(&host(raw).to_string()), host(raw));
        }
    }

    #[test]
    fn what_is_no_single_host_is_refused() {
        for bad in [
            "",
            "*",
            "*.example.com",
            "a/b",
            "http://",
            "http://a/b",
            "ftp://a",
            "u@a",
            "u:p@a",
            "a:0",
            "a:x",
            "a:99999",
            "a:+80",
            "a b",
            "a..b",
            "-a.b",
            "ä.de",
            "1",
            "0x7f.1",
            "127.1",
            "a?b",
            "a#b",
            "[::1",
            "::1",
            "a:80:90",
        ] {
            assert!(bad.parse::<SecretHost>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_request_means_a_host_by_its_name_and_port() {
        let usual = host("api.example.com");
        assert!(usual.is_meant("API.example.com", None) && usual.is_meant("api.example.com", Some(80)));
        assert!(usual.is_meant("api.example.com", Some(443)));
        assert!(!usual.is_meant("api.example.com", Some(8080)) && !usual.is_meant("example.com", None));
        let other = host("api.example.com:8443");
        assert!(other.is_meant("api.example.com", Some(8443)) && !other.is_meant("api.example.com", None));
        assert!(!other.is_meant("api.example.com", Some(80)));
        assert!(host("http://intranet:8080").is_meant("intranet", Some(8080)));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_what_it_shows_reads_back(raw in "(https?://)?[a-z0-9.:\\[\\]*@/ä-]{0,20}") {
            if let Ok(read) = raw.parse::<SecretHost>() {
                prop_assert_eq!(read.to_string().parse::<SecretHost>(), Ok(read));
            }
        }
    }
}
