//! Where connections are sent that are judged by the name they are for, and which of them.

use std::net::Ipv4Addr;

use super::Policy;
use crate::network::block::Block;
use crate::network::entry::{BY_NAME, Target};

/// The ports of a bridge's own address where these connections are taken in, each with the port that they were for.
pub const DOORS: [(u16, u16); 2] = [(BY_NAME[0], 28_080), (BY_NAME[1], 28_443)];

/// What a name below a wildcard leads to in a container: an address that is nobody's, since 6to4 has no relays any more,
/// and that no rule lets through. Programs take it for one of the internet.
pub const STAND_IN: Ipv4Addr = Ipv4Addr::new(192, 88, 99, 7);

impl Policy {
    /// Whether a connection to this address and port is judged by the name that it is for.
    #[must_use]
    pub fn is_sent_to_door(&self, address: Ipv4Addr, port: u16, gateway: Option<Ipv4Addr>) -> bool {
        let is_by_name = self.is_named() && BY_NAME.contains(&port);
        is_by_name && !self.beside_door(port, gateway).iter().any(|block| block.contains(address))
    }

    /// What connections to one of these ports are not sent to a door for: what is refused at once, and what is listed by
    /// its address. `gateway` is that of the bridge, where services of this host are.
    pub(crate) fn beside_door(&self, port: u16, gateway: Option<Ipv4Addr>) -> Vec<Block> {
        let is_service = self.services_by_name().any(|service| service.is_on_host() && service.ports().contains(port));
        let refused = self.rejected(gateway.filter(|_| is_service));
        let listed = self.entries.iter().filter_map(|entry| match entry.target {
            Target::Block(block) if entry.ports.contains(port) => Some(block),
            Target::Block(_) | Target::Name(_) | Target::Below(_) => None,
        });
        Block::apart(&refused.chain(listed).collect())
    }
}

#[cfg(test)]
mod tests {
    use crate::network::policy::tests::allowlist;

    #[test]
    fn what_is_near_or_listed_by_its_address_is_not_sent_to_a_door() {
        let policy = allowlist(&["a.example", "198.51.100.0/24:443", "198.51.101.7", "8.0.0.0/6:80"]);
        let beside = |address: &str, port| !policy.is_sent_to_door(address.parse().unwrap(), port, None);
        for near in ["10.0.0.1", "192.168.1.1", "169.254.169.254", "127.0.0.1"] {
            assert!(beside(near, 80) && beside(near, 443), "{near}");
        }
        assert!(beside("198.51.100.7", 443) && !beside("198.51.100.7", 80));
        assert!(beside("198.51.101.7", 443) && beside("198.51.101.7", 80));
        assert!(!beside("198.51.102.7", 443) && !beside("198.51.102.7", 80));
        assert!(beside("198.51.102.7", 22));
        let blocks = policy.beside_door(80, None);
        for (index, block) in blocks.iter().enumerate() {
            assert!(blocks.iter().skip(index + 1).all(|other| !other.overlaps(*block)), "{blocks:?}");
        }
    }
}
