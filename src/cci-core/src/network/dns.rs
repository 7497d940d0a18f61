//! What the name servers of a policy's bridges answer: no more than the policy reaches.
//!
//! There are two in a row. The one on the containers' bridge accepts plain queries only and forwards them to the one
//! behind it, on a bridge without containers, which can be changed while containers run. The one behind knows an
//! allowlist's names, or asks the host's name servers for public ones.

use std::net::{Ipv4Addr, SocketAddr};

use super::block::Block;
use super::host_name::HostName;
use super::host_names::HostNames;
use super::reverse::{reverse_of, reverse_zones};

/// Nothing of the host's table, of the server itself, or of the names that containers give themselves: Incus puts these
/// into a zone of its own, and servers publish information about themselves in zones of class CHAOS.
const SILENT: &str = "no-hosts\nno-ident\ndhcp-ignore-names\nlocal=/bind/incus/server/unbound/pdns/\n";

/// Zones that no public server knows, and that local ones often do.
const LOCAL_ZONES: [&str; 18] = [
    "alt",
    "corp",
    "fritz.box",
    "home",
    "home.arpa",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "onion",
    "private",
    "resolver.arpa",
    "service.arpa",
    "test",
    "workgroup",
];

/// The zone in which Incus names other containers.
const CONTAINERS: &str = "incus";

/// Where a cloud serves its metadata; the only name of a local zone that has a key of its own.
const METADATA: &str = "metadata.google.internal";

/// Local IPv6 addresses, as answers and as zones of reverse names.
const LOCAL6: [&str; 3] = ["fc00::/7", "fe80::/10", "fec0::/10"];
const LOCAL6_ZONES: [&str; 12] =
    ["c.f", "d.f", "8.e.f", "9.e.f", "a.e.f", "b.e.f", "c.e.f", "d.e.f", "e.e.f", "f.e.f", "f.f", "b.9.f.f.4.6.0.0"];
/// Loopback, the unspecified address, and IPv4 addresses mapped into IPv6.
const SPECIAL6: [&str; 3] = ["::1", "::", "::ffff:0:0/96"];
const SPECIAL6_ZONE: &str = "0.0.0.0";

/// Where systemd-resolved lists the servers that it asks itself.
pub const UPLINKS: &str = "/run/systemd/resolve/resolv.conf";

/// What the name server of a containers' bridge starts with, whatever is behind it.
#[must_use]
pub fn front() -> String {
    format!("no-resolv\n{SILENT}")
}

/// The lines for a containers' bridge whose name server asks the one at this address.
///
/// One server for each letter in which a name can end, and none for everything else: what is not a plain query for one
/// name has no name, so it is refused, and no zone change or second question reaches the host's name servers.
#[must_use]
pub fn asking(behind: Ipv4Addr) -> String {
    let ends = ('a'..='z').chain('0'..='9').map(|end| format!("*{end}/")).collect::<Vec<_>>().concat();
    // Incus names the server behind it; that name is for nobody
    let itself = reverse_of(behind.into());
    format!("{}local=/{itself}/\nserver=/{ends}{behind}\n", front())
}

/// The lines for a containers' bridge whose name server knows no names.
#[must_use]
pub fn nothing() -> String {
    format!("{}address=/#/\n", front())
}

/// What a policy withholds from its containers, in the words of its rules.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept<'a> {
    /// The addresses that it refuses.
    pub(super) blocks: &'a [Block],
    /// Whether the local network is among them.
    pub(super) local: bool,
    /// Whether the cloud's metadata is among them.
    pub(super) metadata: bool,
}

/// The lines for a name server that asks those of the host, or the pinned one, for public names.
pub(super) fn public(kept: Kept<'_>, host: &HostNames, resolver: Option<SocketAddr>) -> String {
    let mut lines = vec![SILENT.to_owned()];
    let mut addresses: Vec<String> = kept.blocks.iter().map(Block::to_string).collect();
    addresses.extend(SPECIAL6.map(str::to_owned));
    match resolver {
        Some(server) => lines.push(format!("no-resolv\nserver={}#{}\n", server.ip(), server.port())),
        None if host.beyond_resolved => lines.push(format!("resolv-file={UPLINKS}\n")),
        None => {}
    }
    if kept.local {
        // names without a dot are the network's, of whatever type they are asked for
        lines.push("domain-needed\nbogus-priv\nlocal=//\n".to_owned());
        addresses.extend(LOCAL6.map(str::to_owned));
    }
    if !kept.metadata {
        lines.push(format!("server=/{METADATA}/#\n"));
    }
    lines.extend(addresses.iter().map(|address| format!("bogus-nxdomain={address}\n")));
    lines.extend(zones(kept, host).map(|zone| format!("local=/{zone}/\n")));
    lines.concat()
}

/// The zones that are never answered.
fn zones(kept: Kept<'_>, host: &HostNames) -> impl Iterator<Item = String> {
    let special = [CONTAINERS.to_owned(), format!("{SPECIAL6_ZONE}.ip6.arpa")];
    let reverse = kept.blocks.iter().flat_map(|block| reverse_zones(*block));
    let local = kept.local.then(|| {
        let reverse6 = LOCAL6_ZONES.map(|zone| format!("{zone}.ip6.arpa"));
        LOCAL_ZONES.map(str::to_owned).into_iter().chain(reverse6).chain(host.search.iter().cloned())
    });
    special.into_iter().chain(host.own.iter().cloned()).chain(reverse).chain(local.into_iter().flatten())
}

/// Whether nobody but this host and its network may know a name: it has no dot, or lies in a zone that is local by
/// convention or by this host's configuration, or the host's table has it.
pub(super) fn is_local(host: &HostNames, name: &HostName) -> bool {
    let blocks = Block::apart(&Block::PRIVATE.into_iter().chain(Block::METADATA).collect());
    withholds(Kept { blocks: &blocks, local: true, metadata: true }, host, name.as_str())
}

/// Whether a name is withheld that the host may know.
pub(super) fn withholds(kept: Kept<'_>, host: &HostNames, name: &str) -> bool {
    let is_in = |zone: String| name.strip_suffix(&zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    if !kept.metadata && name == METADATA {
        return false;
    }
    kept.local && !name.contains('.') || zones(kept, host).any(is_in)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_and_its_network_alone_know_is_local() {
        let set = |name: &str| std::collections::BTreeSet::from([name.to_owned()]);
        let host = HostNames { search: set("office.example"), own: set("db.corp.example"), ..HostNames::default() };
        for (name, local) in [
            ("db.corp.example", true),
            ("wiki.office.example", true),
            ("printer.local", true),
            ("nas", true),
            ("metadata.google.internal", true),
            ("www.example.org", false),
            ("notoffice.example", false),
        ] {
            assert_eq!(is_local(&host, &HostName::typed(name).unwrap()), local, "{name}");
        }
    }

    #[test]
    fn the_reverse_zones_of_a_block_are_those_that_lie_in_it() {
        let zones = |block: &str| reverse_zones(block.parse().unwrap());
        assert_eq!(zones("10.0.0.0/8"), ["10.in-addr.arpa"]);
        assert_eq!(zones("192.168.0.0/16"), ["168.192.in-addr.arpa"]);
        assert_eq!(zones("198.51.100.7"), ["7.100.51.198.in-addr.arpa"]);
        let middle = zones("172.16.0.0/12");
        assert_eq!((middle.len(), &*middle[0], &*middle[15]), (16, "16.172.in-addr.arpa", "31.172.in-addr.arpa"));
        assert_eq!(zones("240.0.0.0/4").last().unwrap(), "255.in-addr.arpa");
    }

    #[test]
    fn no_line_is_longer_than_dnsmasq_reads() {
        let kept = Kept { blocks: &Block::PRIVATE, local: true, metadata: true };
        let all = public(kept, &HostNames::default(), None) + &asking(Ipv4Addr::LOCALHOST);
        assert!(all.lines().all(|line| line.len() < 1024));
    }

    #[test]
    fn a_zone_is_withheld_with_all_that_is_in_it_and_nothing_that_only_ends_like_it() {
        let host = HostNames { search: ["corp.example".to_owned()].into(), ..HostNames::default() };
        let kept = Kept { blocks: &Block::PRIVATE, local: true, metadata: true };
        for name in ["nas", "nas.lan", "corp.example", "a.corp.example", "1.0.0.10.in-addr.arpa", METADATA] {
            assert!(withholds(kept, &host, name), "{name}");
        }
        for name in ["wlan.example", "xcorp.example", "example.com", "1.1.1.1.in-addr.arpa"] {
            assert!(!withholds(kept, &host, name), "{name}");
        }
        let relaxed = Kept { blocks: &[], local: false, metadata: false };
        assert!(withholds(relaxed, &host, "c1.incus"));
        for name in ["nas", "nas.lan", "corp.example", METADATA] {
            assert!(!withholds(relaxed, &host, name), "{name}");
        }
    }
}
