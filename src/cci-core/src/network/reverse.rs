//! The names under which the addresses of a block are looked up.

use std::net::IpAddr;

use super::block::Block;

/// The zones of the reverse names of a block, which may end between their boundaries.
pub(super) fn reverse_zones(block: Block) -> Vec<String> {
    let octets = usize::from(block.prefix().div_ceil(8)).max(1);
    let count = 1_u32 << (octets * 8 - usize::from(block.prefix()));
    let step = 1_u32 << (32 - octets * 8);
    let base = u32::from(block.base());
    (0..count)
        .map(|index| {
            let address = base.wrapping_add(index * step).to_be_bytes();
            let labels = address[..octets].iter().rev().map(|octet| format!("{octet}.")).collect::<Vec<_>>().concat();
            format!("{labels}in-addr.arpa")
        })
        .collect()
}

/// The reverse name of an address.
pub(super) fn reverse_of(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => reverse_zones(Block::from(v4)).concat(),
        IpAddr::V6(v6) => {
            let digits = v6.octets().into_iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
            digits.map(|digit| format!("{digit:x}.")).collect::<Vec<_>>().concat() + "ip6.arpa"
        }
    }
}
