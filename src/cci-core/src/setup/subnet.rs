//! A subnet for the bridge that collides with none of the host's routes.

use std::net::Ipv4Addr;

use crate::network::Block;

/// A destination of the host's routing table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The network.
    pub network: Ipv4Addr,
    /// Bits of the network part; 0 for the default route.
    pub prefix: u8,
}

/// The routes of `/proc/net/route`, whose numbers are hex in the host's byte order.
#[must_use]
pub fn routes(table: &str) -> Vec<Route> {
    let route = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let hex = |field: Option<&str>| u32::from_str_radix(field?, 16).ok().map(u32::swap_bytes);
        let network = hex(fields.next())?;
        let mask = hex(fields.nth(5))?;
        Some(Route { network: network.into(), prefix: u8::try_from(mask.leading_ones()).ok()? })
    };
    table.lines().skip(1).filter_map(route).collect()
}

/// The bridge's address in a free subnet of 10/8, as Incus takes it: `10.77.0.1/24`.
#[must_use]
pub fn free(routes: &[Route]) -> Option<String> {
    // starts away from the numbers that home routers and other tools use first
    let candidates = (77..=254).chain(1..77).map(|second| Ipv4Addr::new(10, second, 0, 0));
    let is_free = |candidate: &Ipv4Addr| {
        !routes
            .iter()
            .filter(|route| route.prefix > 0)
            .any(|route| Block::around(route.network, route.prefix).overlaps(Block::around(*candidate, 24)))
    };
    candidates.into_iter().find(is_free).map(|network| {
        let [a, b, c, _] = network.octets();
        format!("{a}.{b}.{c}.1/24")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TABLE: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
        eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
        br\t00004D0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";

    #[test]
    fn the_kernels_table_is_read_and_its_networks_avoided() {
        let routes = routes(TABLE);
        assert_eq!(routes[1], Route { network: Ipv4Addr::new(10, 77, 0, 0), prefix: 24 });
        assert_eq!(free(&routes).as_deref(), Some("10.78.0.1/24"));
        assert_eq!(free(&[]).as_deref(), Some("10.77.0.1/24"));
    }

    #[test]
    fn a_host_inside_10_8_has_none_left() {
        assert_eq!(free(&[Route { network: Ipv4Addr::new(10, 0, 0, 0), prefix: 8 }]), None);
    }

    proptest! {
        #[test]
        fn no_table_makes_the_reader_panic(text in ".*") {
            let _ = free(&routes(&text));
        }
    }
}
