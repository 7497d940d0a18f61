//! What there is to record of a connection.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use cci_core::network::HostName;

use super::refusal::Refusal;

/// Where a connection leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// To an address and a port.
    Address(SocketAddr),
    /// Through a proxy of the host's, to this port.
    Proxy(u16),
}

impl fmt::Display for Peer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(out),
            Self::Proxy(port) => write!(out, "proxy:{port}"),
        }
    }
}

/// One thing that happened to a connection or to a request on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// It got through.
    Opened {
        /// The name that it asked for.
        name: HostName,
        /// Where it leads.
        address: Peer,
        /// The rule that allowed it.
        rule: String,
        /// The secrets that its TLS is ended for, by their names.
        secrets: Vec<String>,
    },
    /// It did not.
    Refused(Refusal),
    /// What got through has ended.
    Closed {
        /// The name that it asked for.
        name: HostName,
        /// Where it led.
        address: Peer,
        /// The bytes that left the container.
        sent: u64,
        /// The bytes that came back.
        received: u64,
        /// From when it got through.
        lasted: Duration,
    },
}

/// Whoever records them.
pub trait Notes: Clone + 'static {
    /// Takes one. It does not wait: a record that cannot be written holds up no connection.
    fn note(&self, note: Note);
}
