//! A fixed address for each container, so that its network is up at its first instruction and not a lease later.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::slot::Slot;
use crate::workspace::WorkspaceHash;

/// A bridge's own address and the size of its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subnet {
    /// The bridge: the containers' gateway and name server.
    pub gateway: Ipv4Addr,
    /// Bits of the network part.
    pub prefix: u8,
}

impl Subnet {
    /// Reads `10.77.0.1/24`, as a network's `ipv4.address` has it.
    #[must_use]
    pub fn parse(raw: &str) -> Option<Self> {
        let raw: Ipv4Net = raw.parse().ok()?;
        let subnet = Self { gateway: raw.addr(), prefix: raw.prefix_len() };
        (8..=29).contains(&subnet.prefix).then_some(subnet)
    }

    /// The addresses between the network's own and the broadcast.
    fn hosts(self) -> std::ops::RangeInclusive<u32> {
        let network = Ipv4Net::new_assert(self.gateway, self.prefix);
        u32::from(network.network()) + 1..=u32::from(network.broadcast()) - 1
    }

    /// The address of a slot, or the next free one after it.
    ///
    /// The ten slots of a workspace divide, in their order, what is not `foreign`: launches of one workspace that know
    /// the same never collide. `own` are the addresses of its other slots; `detour` shifts them all.
    #[must_use]
    pub fn address(
        self,
        workspace: WorkspaceHash,
        slot: Slot,
        detour: u32,
        foreign: &BTreeSet<Ipv4Addr>,
        own: &BTreeSet<Ipv4Addr>,
    ) -> Option<Ipv4Addr> {
        let hosts = self.hosts();
        let (first, count) = (*hosts.start(), hosts.end() - hosts.start() + 1);
        let begin = workspace.number().wrapping_add(detour) % count;
        let open = (0..count)
            .map(|step| Ipv4Addr::from(first + (begin + step) % count))
            .filter(|address| *address != self.gateway && !foreign.contains(address));
        let place = usize::from(slot.number()) - 1;
        open.clone().skip(place).chain(open.take(place)).find(|address| !own.contains(address))
    }
}

/// The network of a container from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixed {
    /// Its address.
    pub address: Ipv4Addr,
    /// Its network.
    pub subnet: Subnet,
}

impl Fixed {
    /// The lines that set address and route before the container's first instruction.
    #[must_use]
    pub fn raw_lxc(self) -> String {
        let Self { address, subnet: Subnet { gateway, prefix } } = self;
        format!("lxc.net.0.ipv4.address = {address}/{prefix}\nlxc.net.0.ipv4.gateway = {gateway}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Workspace;
    use proptest::prelude::*;

    #[test]
    fn only_a_usable_network_is_read() {
        assert!(Subnet::parse("10.77.0.1/24").is_some());
        for raw in ["none", "", "10.77.0.1", "10.77.0.1/31", "10.77.0.1/0", "fd42::1/64"] {
            assert_eq!(Subnet::parse(raw), None, "{raw}");
        }
    }

    #[test]
    fn a_full_network_has_no_address() {
        let subnet = Subnet::parse("10.0.0.1/29").unwrap();
        let taken = (2..7).map(|last| Ipv4Addr::new(10, 0, 0, last)).collect();
        let slot = Slot::new(1).unwrap();
        assert_eq!(subnet.address(Workspace::at("/w").hash(), slot, 0, &taken, &BTreeSet::new()), None);
    }

    proptest! {
        #[test]
        fn the_slots_of_a_workspace_never_share_an_address(
            path in "/[a-z]{1,12}", prefix in 24u8..=28, detour: u32,
            others in proptest::collection::btree_set(2u8..60, 0..40),
            known in 0usize..10,
        ) {
            let subnet = Subnet { gateway: Ipv4Addr::new(10, 77, 3, 1), prefix };
            // a smaller network has room for one workspace only
            let others = others.into_iter().filter(|_| prefix <= 26).map(|last| Ipv4Addr::new(10, 77, 3, last));
            let others: BTreeSet<Ipv4Addr> = others.collect();
            let mut own = BTreeSet::new();
            let mut seen = BTreeSet::new();
            for (n, slot) in Slot::all().enumerate() {
                let address = subnet.address(Workspace::at(&path).hash(), slot, detour, &others, &own).unwrap();
                prop_assert!(address != subnet.gateway && !others.contains(&address));
                prop_assert!(subnet.hosts().contains(&u32::from(address)));
                prop_assert!(seen.insert(address), "{} twice", address);
                // some launches look after the first ones exist, some before
                if n < known {
                    own.insert(address);
                }
            }
        }
    }
}
