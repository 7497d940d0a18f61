//! The events of a network policy.

use cci_core::network::Obstacle;

use super::Event;

/// What happens while a policy is put into force.
#[derive(Debug)]
pub enum NetworkEvent {
    /// A step begins: the policy's network.
    MakingNetwork,
    /// A firewall of the host would break the new network.
    Obstacle(Obstacle),
    /// A listed name has no address that may be reached.
    NoPublicAddress {
        /// The name.
        domain: String,
    },
}

impl From<NetworkEvent> for Event {
    fn from(event: NetworkEvent) -> Self {
        Self::Network(event)
    }
}
