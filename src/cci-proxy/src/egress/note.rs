//! What there is to record of a connection.

use std::net::SocketAddr;
use std::time::Duration;

use cci_core::network::HostName;

use super::refusal::Refusal;

/// One thing that happened to a connection or to a request on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// It got through.
    Opened {
        /// The name that it asked for.
        name: HostName,
        /// The address that was dialled, and its port.
        address: SocketAddr,
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
        /// The address that was dialled, and its port.
        address: SocketAddr,
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
