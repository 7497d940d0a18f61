//! A block of IPv4 addresses, and the blocks that are not the public internet.

use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use ipnet::Ipv4Net;

/// A range of IPv4 addresses in CIDR form; its base has no bits beyond the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Block(Ipv4Net);

impl Block {
    /// Every address.
    pub const ALL: Self = Self::literal([0, 0, 0, 0], 0);
    /// Ranges that only the local network knows: private use and carrier-grade NAT.
    pub const PRIVATE: [Self; 4] = [
        Self::literal([10, 0, 0, 0], 8),
        Self::literal([100, 64, 0, 0], 10),
        Self::literal([172, 16, 0, 0], 12),
        Self::literal([192, 168, 0, 0], 16),
    ];
    /// Where clouds keep metadata and agents of theirs: link-local addresses, one among those of carriers, one that looks
    /// public, and one among those of protocols. Some lie in another range too, and this one counts.
    pub const METADATA: [Self; 4] = [
        Self::literal([100, 100, 100, 200], 32),
        Self::literal([168, 63, 129, 16], 32),
        Self::literal([169, 254, 0, 0], 16),
        Self::literal([192, 0, 0, 192], 32),
    ];
    /// Ranges that are not a single remote host: this network, loopback, multicast, reserved and broadcast.
    pub const SPECIAL: [Self; 4] = [
        Self::literal([0, 0, 0, 0], 8),
        Self::literal([127, 0, 0, 0], 8),
        Self::literal([224, 0, 0, 0], 4),
        Self::literal([240, 0, 0, 0], 4),
    ];
    /// Ranges of protocols, relays and measurements.
    pub const PROTOCOLS: [Self; 3] =
        [Self::literal([192, 0, 0, 0], 24), Self::literal([192, 88, 99, 0], 24), Self::literal([198, 18, 0, 0], 15)];

    const fn literal([a, b, c, d]: [u8; 4], prefix: u8) -> Self {
        Self(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix))
    }

    /// The block of this size around an address; a prefix above 32 counts as 32.
    #[must_use]
    pub fn around(address: Ipv4Addr, prefix: u8) -> Self {
        Self(Ipv4Net::new_assert(address, prefix.min(32)).trunc())
    }

    /// Whether it contains an address.
    #[must_use]
    pub fn contains(self, address: Ipv4Addr) -> bool {
        self.0.contains(&address)
    }

    /// Whether it contains all of another block.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self.0.contains(&other.0)
    }

    /// Whether the two have an address in common.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.covers(other) || other.covers(self)
    }

    /// The blocks that make up this one without another, in their order.
    #[must_use]
    pub fn without(self, hole: Self) -> Vec<Self> {
        if !self.covers(hole) {
            return if hole.covers(self) { Vec::new() } else { vec![self] };
        }
        // of each half on the way down to the hole, the one that it is not in
        let other_half =
            |prefix: u8| Self::around(Ipv4Addr::from(u32::from(hole.base()) ^ (1 << (32 - prefix))), prefix);
        let mut rest: Vec<Self> = (self.prefix() + 1..=hole.prefix()).map(other_half).collect();
        rest.sort();
        rest
    }

    /// The blocks without those that lie in another: what reads them wants no overlap. In their order a block stands right
    /// before what lies in it.
    pub(super) fn apart(blocks: &BTreeSet<Self>) -> Vec<Self> {
        let mut apart: Vec<Self> = Vec::new();
        for block in blocks {
            if apart.last().is_none_or(|last| !last.covers(*block)) {
                apart.push(*block);
            }
        }
        apart
    }

    /// Its first address.
    #[must_use]
    pub fn base(self) -> Ipv4Addr {
        self.0.network()
    }

    /// Bits of its network part.
    #[must_use]
    pub fn prefix(self) -> u8 {
        self.0.prefix_len()
    }

    /// Whether it lies entirely in what only the local network knows.
    pub(super) fn is_private(self) -> bool {
        Self::PRIVATE.into_iter().any(|block| block.covers(self))
    }

    /// Whether it lies entirely where no allowlist may ever lead.
    #[must_use]
    pub fn is_never_public(self) -> bool {
        let mut never = Self::PRIVATE.into_iter().chain(Self::SPECIAL).chain(Self::METADATA).chain(Self::PROTOCOLS);
        never.any(|block| block.covers(self))
    }
}

impl From<Ipv4Addr> for Block {
    fn from(address: Ipv4Addr) -> Self {
        Self::around(address, 32)
    }
}

impl fmt::Display for Block {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.prefix() == 32 { self.base().fmt(out) } else { self.0.fmt(out) }
    }
}

/// Text that is not a block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an IPv4 address or a CIDR such as 198.51.100.0/24")]
pub struct BlockError(String);

impl FromStr for Block {
    type Err = BlockError;

    /// Reads `198.51.100.7` or `198.51.100.0/24`; bits beyond the prefix are cut.
    fn from_str(raw: &str) -> Result<Self, BlockError> {
        let refused = || BlockError(raw.to_owned());
        let (address, prefix) = raw.split_once('/').unwrap_or((raw, "32"));
        let prefix = prefix.parse().ok().filter(|prefix| *prefix <= 32).ok_or_else(refused)?;
        Ok(Self::around(address.parse().map_err(|_| refused())?, prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_block_we_print_parses_back(base: u32, prefix in 0u8..=32) {
            let block = Block::around(Ipv4Addr::from(base), prefix);
            prop_assert_eq!(block.to_string().parse(), Ok(block));
            prop_assert!(block.contains(Ipv4Addr::from(base)));
            prop_assert!(Block::ALL.covers(block));
        }

        #[test]
        fn blocks_overlap_when_one_lies_in_the_other(a: u32, b: u32, p in 0u8..=32, q in 0u8..=32) {
            let (a, b) = (Block::around(Ipv4Addr::from(a), p), Block::around(Ipv4Addr::from(b), q));
            let common = a.contains(b.base()) || b.contains(a.base());
            prop_assert_eq!(a.overlaps(b), common);
        }

        #[test]
        fn what_is_left_is_all_of_a_block_but_the_hole(a: u32, b: u32, p in 0u8..=32, q in 0u8..=32, near: u32) {
            let block = Block::around(Ipv4Addr::from(a), p);
            // half of the holes lie in the block
            let hole = Block::around(Ipv4Addr::from(if near & 1 == 0 { b } else { a ^ (b & 0xffff) }), q);
            let rest = block.without(hole);
            for (index, left) in rest.iter().enumerate() {
                prop_assert!(block.covers(*left) && !left.overlaps(hole));
                prop_assert!(rest.iter().skip(index + 1).all(|other| !other.overlaps(*left)));
            }
            let size = |block: &Block| 1_u64 << (32 - block.prefix());
            let common = if block.covers(hole) { size(&hole) } else if hole.covers(block) { size(&block) } else { 0 };
            prop_assert_eq!(rest.iter().map(size).sum::<u64>(), size(&block) - common);
        }

        #[test]
        fn reading_never_panics(raw in "\\PC*") {
            let _ = raw.parse::<Block>();
        }
    }

    #[test]
    fn the_private_ranges_are_the_known_ones() {
        for inside in [
            "10.0.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "100.127.1.1",
            "169.254.169.254",
            "100.100.100.200",
            "127.0.0.1",
            "168.63.129.16",
            "192.0.0.192",
            "198.19.255.255",
        ] {
            assert!(inside.parse::<Block>().unwrap().is_never_public(), "{inside}");
        }
        for outside in [
            "172.32.0.1",
            "100.128.0.1",
            "192.169.0.1",
            "198.51.100.10",
            "168.63.129.17",
            "198.20.0.0",
            "11.0.0.1",
            "0.0.0.0/0",
        ] {
            assert!(!outside.parse::<Block>().unwrap().is_never_public(), "{outside}");
        }
    }
}
