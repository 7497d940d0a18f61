//! The host's own addresses and routes, and a subnet that collides with none of them.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::block::Block;
use crate::address::Subnet;

/// How many subnets there are to choose from: 10.128.0.0/9 in pieces of /24.
const SUBNETS: u32 = 1 << 15;
const FIRST: Ipv4Addr = Ipv4Addr::new(10, 128, 0, 0);

/// The first /24 of the private space that overlaps none of `used`, starting at a place that `seed` chooses.
///
/// Equal seeds search in equal order, so that concurrent launches of one policy ask for the same network.
#[must_use]
pub fn free_subnet(seed: u32, used: &[Block]) -> Option<Subnet> {
    (0..SUBNETS)
        .map(|step| seed.wrapping_add(step) % SUBNETS)
        .map(|index| Block::around(Ipv4Addr::from(u32::from(FIRST) + index * 256), 24))
        .find(|block| !used.iter().any(|taken| taken.overlaps(*block)))
        .map(|block| Subnet { gateway: Ipv4Addr::from(u32::from(block.base()) + 1), prefix: 24 })
}

/// The destinations of `/proc/net/route`, without the default route and without those through the interface `but`.
#[must_use]
pub fn routes(table: &str, but: &str) -> Vec<Block> {
    destinations(table).filter(|(interface, _)| *interface != but).map(|(_, block)| block).collect()
}

/// The address and network of an interface that has exactly one, from `/proc/net/route` and `/proc/net/fib_trie`.
#[must_use]
pub fn subnet_on(interface: &str, table: &str, trie: &str) -> Option<Subnet> {
    let mut blocks = destinations(table).filter(|(through, _)| *through == interface).map(|(_, block)| block);
    let (block, None) = (blocks.next()?, blocks.next()) else { return None };
    let mut own = local_addresses(trie).into_iter().filter(|address| block.contains(*address));
    let (gateway, None) = (own.next()?, own.next()) else { return None };
    Some(Subnet { gateway, prefix: block.prefix() })
}

/// The interface and the destination of each route but the default one.
fn destinations(table: &str) -> impl Iterator<Item = (&str, Block)> {
    table.lines().skip(1).filter_map(destination).filter(|(_, block)| *block != Block::ALL)
}

fn destination(line: &str) -> Option<(&str, Block)> {
    let columns: Vec<&str> = line.split_whitespace().collect();
    let number = |column: usize| u32::from_str_radix(columns.get(column)?, 16).ok();
    let prefix = u8::try_from(number(7)?.count_ones()).ok()?;
    // the kernel prints addresses in memory order
    Some((columns.first()?, Block::around(Ipv4Addr::from(number(1)?.to_le_bytes()), prefix)))
}

/// The host's own addresses, from `/proc/net/fib_trie`.
#[must_use]
pub fn local_addresses(trie: &str) -> BTreeSet<Ipv4Addr> {
    let mut addresses = BTreeSet::new();
    let mut leaf = None;
    for line in trie.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse().ok();
        } else if line.starts_with("/32 host LOCAL") {
            addresses.extend(leaf.filter(|address: &Ipv4Addr| !address.is_loopback()));
        }
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_kernels_tables_are_read() {
        let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
            eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
            incusbr0\t00004D0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        assert_eq!(routes(table, "br0"), ["10.77.0.0/24".parse().unwrap()]);
        assert_eq!(routes(table, "incusbr0"), []);
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\nLocal:\n     \
            |-- 10.77.0.1\n        /32 host LOCAL\n     |-- 127.0.0.1\n        /32 host LOCAL\n     \
            |-- 10.77.0.255\n        /32 link BROADCAST\n";
        assert_eq!(local_addresses(trie), BTreeSet::from([Ipv4Addr::new(10, 77, 0, 1)]));
        assert_eq!(subnet_on("incusbr0", table, trie), Subnet::parse("10.77.0.1/24"));
        assert_eq!(subnet_on("br0", table, trie), None);
        assert_eq!(subnet_on("eth0", table, trie), None, "a default route says nothing of its network");
        assert_eq!(subnet_on("incusbr0", table, ""), None);
        let twice = format!("{trie}     |-- 10.77.0.2\n        /32 host LOCAL\n");
        assert_eq!(subnet_on("incusbr0", table, &twice), None, "which of two addresses is the gateway is not known");
        let routed = format!("{table}incusbr0\t00004E0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n");
        assert_eq!(subnet_on("incusbr0", &routed, trie), None, "nor which of two networks is the bridge's own");
    }

    #[test]
    fn a_host_that_uses_all_of_it_has_none_left() {
        assert_eq!(free_subnet(7, &["10.0.0.0/8".parse().unwrap()]), None);
    }

    proptest! {
        #[test]
        fn the_subnet_touches_no_route(
            seed: u32,
            used in prop::collection::vec((128u8..=255, any::<u8>(), 10u8..=32), 0..30),
        ) {
            let used: Vec<Block> =
                used.into_iter().map(|(a, b, p)| Block::around(Ipv4Addr::new(10, a, b, 0), p)).collect();
            if let Some(subnet) = free_subnet(seed, &used) {
                let block = Block::around(subnet.gateway, subnet.prefix);
                prop_assert!(used.iter().all(|taken| !taken.overlaps(block)));
                prop_assert!(block.is_never_public());
                prop_assert_eq!(free_subnet(seed, &used), Some(subnet));
            } else {
                prop_assert!(!used.is_empty());
            }
        }

        #[test]
        fn reading_never_panics(text in "\\PC*\n\\PC*\n\\PC*") {
            let _ = (routes(&text, ""), local_addresses(&text));
        }
    }
}
