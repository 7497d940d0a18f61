//! What was asked for that is refused, as far as it has a name.

use cci_core::network::HostName;

use super::refusal::Refusal;

impl Refusal {
    /// The name that was asked for, and the port if that is known.
    #[must_use]
    pub fn asked(&self) -> Option<(&HostName, Option<u16>)> {
        match self {
            Self::NotListed { name, port }
            | Self::OtherPort { name, port, .. }
            | Self::Unreachable { name, port }
            | Self::ProxyRefused { name, port, .. } => Some((name, Some(*port))),
            Self::OtherName { asked: name, .. }
            | Self::Special { name, .. }
            | Self::NotFound { name }
            | Self::Unaccepted { name } => Some((name, None)),
            Self::NoProxy
            | Self::NoName
            | Self::Address
            | Self::Hidden
            | Self::Malformed(_)
            | Self::TooLarge
            | Self::TooSlow
            | Self::Busy => None,
        }
    }

    /// What the container's person can allow so that it gets through, if anything.
    #[must_use]
    pub fn allowable(&self) -> Option<String> {
        match self {
            Self::NotListed { name, port } | Self::OtherPort { name, port, .. } => Some(format!("{name}:{port}")),
            _ => None,
        }
    }
}
