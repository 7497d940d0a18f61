//! Where no name may lead: the ranges that are not the public internet, and this host.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv6Net};

use super::block::Block;

/// What makes an address one that a name may not lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Special {
    /// It is this host's own, or on a network that is.
    Own,
    /// Only the local network knows it.
    Private,
    /// It is link-local, or where a cloud keeps its metadata.
    Metadata,
    /// It is loopback, multicast, reserved, or of a protocol: no single remote host.
    Reserved,
    /// It is an IPv6 address that carries an IPv4 address.
    Embedded,
}

/// Which addresses a name may lead to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    /// This host's own addresses, and the networks on which its neighbours have public ones.
    pub own: Vec<IpNet>,
    /// Whether the local network may be reached.
    pub private: bool,
    /// Whether link-local addresses and a cloud's metadata may be reached.
    pub metadata: bool,
}

impl Addresses {
    /// Public ones only, on a host with these addresses and this `/proc/net/if_inet6`.
    #[must_use]
    pub fn public(own: &BTreeSet<Ipv4Addr>, table6: &str) -> Self {
        let own4 = own.iter().map(|address| IpNet::from(IpAddr::from(*address)));
        let own = own4.chain(table6.lines().filter_map(network6).map(IpNet::from)).collect();
        Self { own, private: false, metadata: false }
    }

    /// Why a name may not lead to this address; `None` if it may.
    #[must_use]
    pub fn refuse(&self, address: IpAddr) -> Option<Special> {
        let special = match address {
            IpAddr::V4(address) => special4(address),
            IpAddr::V6(address) => match translated(address) {
                Some(inner) => return self.refuse(inner.into()),
                None => special6(address),
            },
        };
        let refused = special.filter(|special| match special {
            Special::Private => !self.private,
            Special::Metadata => !self.metadata,
            Special::Own | Special::Reserved | Special::Embedded => true,
        });
        let own = || self.own.iter().any(|net| net.contains(&address)).then_some(Special::Own);
        refused.or_else(own)
    }
}

impl fmt::Display for Special {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Own => "this host's own address",
            Self::Private => "an address of the local network",
            Self::Metadata => "a link-local address or a cloud's metadata",
            Self::Reserved => "a reserved address",
            Self::Embedded => "an IPv6 address that carries an IPv4 address",
        })
    }
}

fn special4(address: Ipv4Addr) -> Option<Special> {
    let within = |blocks: &[Block]| blocks.iter().any(|block| block.contains(address));
    if within(&Block::METADATA) {
        Some(Special::Metadata)
    } else if within(&Block::PRIVATE) {
        Some(Special::Private)
    } else if within(&Block::SPECIAL) || within(&Block::PROTOCOLS) {
        Some(Special::Reserved)
    } else {
        None
    }
}

/// The network of an interface. Its neighbours have public addresses too, but are this host's business only; nobody has
/// more of them than a site gets.
fn network6(line: &str) -> Option<Ipv6Net> {
    let mut columns = line.split_whitespace();
    let address = u128::from_str_radix(columns.next()?, 16).ok()?;
    let prefix = u8::from_str_radix(columns.nth(1)?, 16).ok()?;
    Ipv6Net::new(address.into(), prefix.clamp(48, 128)).ok()
}

const fn net(segments: [u16; 8], prefix: u8) -> Ipv6Net {
    let at = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(at[0], at[1], at[2], at[3], at[4], at[5], at[6], at[7]), prefix)
}

/// How a network without IPv4 reaches public IPv4 servers: the inner address is the one that is judged.
const NAT64: Ipv6Net = net([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);
/// Everything that is routed between networks.
const GLOBAL: Ipv6Net = net([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
/// Protocols and measurements.
const PROTOCOLS: Ipv6Net = net([0x2001, 0, 0, 0, 0, 0, 0, 0], 23);
/// IPv4-compatible and IPv4-mapped addresses, their translated form, local NAT64, Teredo and 6to4: no public server has
/// an address in these, and what they carry goes around every rule for IPv4.
const EMBEDDED: [Ipv6Net; 6] = [
    net([0, 0, 0, 0, 0, 0, 0, 0], 96),
    net([0, 0, 0, 0, 0, 0xffff, 0, 0], 96),
    net([0, 0, 0, 0, 0xffff, 0, 0, 0], 96),
    net([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48),
    net([0x2001, 0, 0, 0, 0, 0, 0, 0], 32),
    net([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
];
const PRIVATE: [Ipv6Net; 2] = [net([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), net([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10)];
const LINK_LOCAL: Ipv6Net = net([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10);
/// The metadata of clouds, in what is otherwise the local network.
const CLOUD: [Ipv6Net; 4] = [
    net([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0], 32),
    net([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128),
    net([0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe], 128),
    net([0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42], 128),
];

fn special6(address: Ipv6Addr) -> Option<Special> {
    let within = |nets: &[Ipv6Net]| nets.iter().any(|net| net.contains(&address));
    if address.is_unspecified() || address.is_loopback() {
        Some(Special::Reserved)
    } else if within(&EMBEDDED) || is_isatap(address) {
        Some(Special::Embedded)
    } else if LINK_LOCAL.contains(&address) || within(&CLOUD) {
        Some(Special::Metadata)
    } else if within(&PRIVATE) {
        Some(Special::Private)
    } else if !GLOBAL.contains(&address) || PROTOCOLS.contains(&address) {
        Some(Special::Reserved)
    } else {
        None
    }
}

/// The IPv4 address behind a translator of the network.
fn translated(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., a, b, c, d] = address.octets();
    NAT64.contains(&address).then(|| Ipv4Addr::new(a, b, c, d))
}

/// Whether its second half is the one that a tunnel within an IPv4 network gives itself.
fn is_isatap(address: Ipv6Addr) -> bool {
    matches!(address.segments(), [_, _, _, _, 0 | 0x200, 0x5efe, _, _])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judged(address: &str) -> Option<Special> {
        Addresses::default().refuse(address.parse().unwrap())
    }

    #[test]
    fn public_addresses_are_reached() {
        for address in ["198.51.100.10", "1.1.1.1", "2606:4700::1111", "2a00:1450::1", "64:ff9b::c633:640a"] {
            assert_eq!(judged(address), None, "{address}");
        }
    }

    #[test]
    fn special_ranges_are_not() {
        use Special::{Embedded, Metadata, Private, Reserved};
        for (address, why) in [
            ("0.0.0.0", Reserved),
            ("127.0.0.1", Reserved),
            ("224.0.0.1", Reserved),
            ("255.255.255.255", Reserved),
            ("192.0.0.191", Reserved),
            ("198.18.0.1", Reserved),
            ("10.0.0.1", Private),
            ("172.31.0.1", Private),
            ("192.168.1.1", Private),
            ("100.100.100.201", Private),
            ("100.100.100.200", Metadata),
            ("192.0.0.192", Metadata),
            ("169.254.169.254", Metadata),
            ("169.254.170.2", Metadata),
            ("169.254.170.23", Metadata),
            ("168.63.129.16", Metadata),
            ("::", Reserved),
            ("::1", Reserved),
            ("ff02::1", Reserved),
            ("100::1", Reserved),
            ("4000::1", Reserved),
            ("2001:20::1", Reserved),
            ("2001:2::1", Reserved),
            ("fe80::1", Metadata),
            ("fd00:ec2::254", Metadata),
            ("fd00:ec2::23", Metadata),
            ("64:ff9b::6464:64c8", Metadata),
            ("fd20:ce::254", Metadata),
            ("fd00:c1::a9fe:a9fe", Metadata),
            ("fd00:42::42", Metadata),
            ("fc00::1", Private),
            ("fd12::1", Private),
            ("fec0::1", Private),
            ("::ffff:10.0.0.1", Embedded),
            ("::ffff:198.51.100.10", Embedded),
            ("::10.0.0.1", Embedded),
            ("::ffff:0:10.0.0.1", Embedded),
            ("64:ff9b:1::a00:1", Embedded),
            ("2002:a00:1::1", Embedded),
            ("2001:0:a00:1::1", Embedded),
            ("2606:4700::5efe:a00:1", Embedded),
            ("2606:4700::200:5efe:a00:1", Embedded),
            ("64:ff9b::a00:1", Private),
            ("64:ff9b::a9fe:a9fe", Metadata),
            ("64:ff9b::7f00:1", Reserved),
        ] {
            assert_eq!(judged(address), Some(why), "{address}");
        }
    }

    #[test]
    fn the_hosts_own_addresses_are_never_reached() {
        let own = ["198.51.100.7/32", "2606:4700:1:2::/64"].map(|net| net.parse().unwrap()).to_vec();
        let addresses = Addresses { own, private: true, metadata: true };
        for own in ["198.51.100.7", "2606:4700:1:2::99", "64:ff9b::c633:6407"] {
            assert_eq!(addresses.refuse(own.parse().unwrap()), Some(Special::Own), "{own}");
        }
        for other in ["198.51.100.8", "2606:4700:1:3::99", "10.0.0.1", "fd12::1", "169.254.169.254", "fe80::1"] {
            assert_eq!(addresses.refuse(other.parse().unwrap()), None, "{other}");
        }
        for never in ["127.0.0.1", "::1", "::ffff:198.51.100.8", "224.0.0.1"] {
            assert!(addresses.refuse(never.parse().unwrap()).is_some(), "{never}");
        }
    }

    #[test]
    fn where_the_local_network_is_reached_the_metadata_in_it_is_not() {
        let addresses = Addresses { private: true, ..Addresses::default() };
        for metadata in
            ["100.100.100.200", "192.0.0.192", "168.63.129.16", "169.254.170.2", "fd00:ec2::254", "fd20:ce::254"]
        {
            assert_eq!(addresses.refuse(metadata.parse().unwrap()), Some(Special::Metadata), "{metadata}");
        }
        for near in ["100.100.100.201", "10.0.0.1", "fd12::1"] {
            assert_eq!(addresses.refuse(near.parse().unwrap()), None, "{near}");
        }
    }

    #[test]
    fn the_hosts_own_addresses_are_read_from_the_kernels_tables() {
        let table6 = "26064700000100020000000000000007 02 40 00 80     eth0\n\
                      00000000000000000000000000000001 01 80 10 80       lo\n\
                      2a000000000000000000000000000001 03 03 00 80     tun0\nnonsense\n";
        let addresses = Addresses::public(&BTreeSet::from([Ipv4Addr::new(198, 51, 100, 7)]), table6);
        for own in ["198.51.100.7", "2606:4700:1:2::99", "2a00::1"] {
            assert_eq!(addresses.refuse(own.parse().unwrap()), Some(Special::Own), "{own}");
        }
        for other in ["198.51.100.8", "2606:4700:1:3::99", "2a00:1::1"] {
            assert_eq!(addresses.refuse(other.parse().unwrap()), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_what_an_entry_may_be(bits: u32) {
            let address = Ipv4Addr::from(bits);
            let refused = Addresses::default().refuse(address.into()).is_some();
            prop_assert_eq!(refused, Block::from(address).is_never_public());
        }

        #[test]
        fn a_private_address_is_refused_however_it_is_dressed(bits: u32, low: u64) {
            let inner = Ipv4Addr::from(0x0a00_0000 | bits & 0x00ff_ffff);
            let [a, b] = [u16::try_from(u32::from(inner) >> 16).unwrap(), u16::try_from(u32::from(inner) & 0xffff).unwrap()];
            let low = |shift: u32| u16::try_from((low >> shift) & 0xffff).unwrap();
            for dressed in [
                inner.to_ipv6_mapped(),
                Ipv6Addr::new(0, 0, 0, 0, 0, 0, a, b),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a, b),
                Ipv6Addr::new(0x2002, a, b, low(0), low(16), low(32), low(48), 1),
                Ipv6Addr::new(0x2001, 0, a, b, low(0), low(16), low(32), low(48)),
                Ipv6Addr::new(0x2a00, low(0), low(16), low(32), 0, 0x5efe, a, b),
            ] {
                prop_assert!(Addresses::default().refuse(dressed.into()).is_some(), "{dressed}");
            }
        }
    }
}
