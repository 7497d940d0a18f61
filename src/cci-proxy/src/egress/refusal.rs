//! Why something does not get through.

use std::net::IpAddr;

use cci_core::network::{Entry, HostName, Special};

/// Why a connection or a request does not get through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It names no host.
    NoName,
    /// It has an address where a name has to be.
    Address,
    /// It hides the name that it is for (Encrypted Client Hello).
    Hidden,
    /// It names another host than the one that the connection was opened for, or than it names elsewhere.
    OtherName {
        /// The name that it had to be.
        opened: HostName,
        /// The name that it is.
        asked: HostName,
    },
    /// No rule is about the name.
    NotListed {
        /// The name.
        name: HostName,
        /// The port.
        port: u16,
    },
    /// A rule is about the name, but not about this port.
    OtherPort {
        /// The name.
        name: HostName,
        /// The port.
        port: u16,
        /// The rule.
        rule: Entry,
    },
    /// The name leads only to addresses that no name may lead to.
    Special {
        /// The name.
        name: HostName,
        /// One of the addresses.
        address: IpAddr,
        /// What it is.
        why: Special,
    },
    /// The name has no address.
    NotFound {
        /// The name.
        name: HostName,
    },
    /// None of the name's addresses answered.
    Unreachable {
        /// The name.
        name: HostName,
        /// The port.
        port: u16,
    },
    /// The client does not accept the certificate by which its TLS is ended.
    Unaccepted {
        /// The name.
        name: HostName,
    },
    /// The host's proxy does not answer, or not as one.
    NoProxy,
    /// The host's proxy refuses it.
    ProxyRefused {
        /// The name.
        name: HostName,
        /// The port.
        port: u16,
        /// What the proxy said: a status of HTTP, or a number of SOCKS5.
        status: u16,
    },
    /// It can be read in more than one way, or in none.
    Malformed(&'static str),
    /// What has to be read before it can be judged is too long.
    TooLarge,
    /// What has to be read before it can be judged took too long.
    TooSlow,
    /// The container has too many connections.
    Busy,
}

impl Refusal {
    /// The status of the answer to a request of HTTP.
    pub(super) fn status(&self) -> &'static str {
        match self {
            Self::Malformed(_) | Self::NoName => "400 Bad Request",
            Self::OtherName { .. } => "421 Misdirected Request",
            Self::TooLarge => "431 Request Header Fields Too Large",
            Self::TooSlow => "408 Request Timeout",
            Self::NotFound { .. }
            | Self::Unreachable { .. }
            | Self::Unaccepted { .. }
            | Self::NoProxy
            | Self::ProxyRefused { .. } => "502 Bad Gateway",
            Self::Busy => "503 Service Unavailable",
            Self::Address | Self::Hidden | Self::NotListed { .. } | Self::OtherPort { .. } | Self::Special { .. } => {
                "403 Forbidden"
            }
        }
    }
}
