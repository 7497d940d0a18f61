//! What the host's name servers know besides public names, as far as the host's own files tell.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::block::Block;
use super::reverse::reverse_of;

/// No host pins more names than this to public addresses; a list that does blocks advertisements.
const PINS: usize = 500;

/// The files that say what the host's name servers know.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostFiles<'a> {
    /// `/etc/resolv.conf`.
    pub resolv: &'a str,
    /// systemd-resolved's list of the servers that it asks itself; empty where it does not run.
    pub uplinks: &'a str,
    /// `/etc/hosts`.
    pub table: &'a str,
    /// The host's own name.
    pub name: &'a str,
}

/// Names that are the host's or its network's, and where to ask for the public ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostNames {
    /// The search domains of the host: zones of its network.
    pub search: BTreeSet<String>,
    /// The host's own name, and the names that its table gives to public addresses, if the name server reads that
    /// table.
    pub own: BTreeSet<String>,
    /// Whether to ask the servers behind systemd-resolved, which answers from the host's table and the local network.
    pub beyond_resolved: bool,
}

impl HostNames {
    /// Reads them; `own` are the host's addresses.
    #[must_use]
    pub fn read(files: HostFiles<'_>, own: &BTreeSet<Ipv4Addr>) -> Self {
        Self::with(files, own, false)
    }

    /// The same for whoever asks the host's own resolver, which always reads the host's table.
    #[must_use]
    pub fn of_resolver(files: HostFiles<'_>) -> Self {
        Self::with(files, &BTreeSet::new(), true)
    }

    fn with(files: HostFiles<'_>, own: &BTreeSet<Ipv4Addr>, reads_table: bool) -> Self {
        let resolved =
            |server: IpAddr| matches!(server, IpAddr::V4(v4) if [53, 54].contains(&v4.octets()[3]) && v4.is_loopback());
        let beyond_resolved =
            servers(files.resolv).any(resolved) && servers(files.uplinks).any(|server| !resolved(server));
        let asked = if beyond_resolved { files.uplinks } else { files.resolv };
        let is_here = |server: IpAddr| server.is_loopback() || matches!(server, IpAddr::V4(v4) if own.contains(&v4));
        let host = zone(files.name).filter(|name| name.contains('.'));
        let reads_table = reads_table || servers(asked).any(is_here);
        let pinned = reads_table.then(|| pins(files.table)).into_iter().flatten();
        Self {
            search: [files.resolv, files.uplinks].into_iter().flat_map(search).collect(),
            own: host.into_iter().chain(pinned).collect(),
            beyond_resolved,
        }
    }
}

/// The words of a file's lines, without comments.
fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|line| line.split(['#', ';']).next().unwrap_or_default().split_whitespace().collect())
}

fn servers(resolv: &str) -> impl Iterator<Item = IpAddr> {
    lines(resolv).filter_map(|words| match words[..] {
        ["nameserver", server, ..] => server.parse().ok(),
        _ => None,
    })
}

fn search(resolv: &str) -> impl Iterator<Item = String> {
    lines(resolv).filter(|words| matches!(words.first(), Some(&("search" | "domain")))).flat_map(|words| {
        let zones: Vec<String> = words.into_iter().skip(1).filter_map(zone).collect();
        zones
    })
}

/// The names that a table gives to public addresses, and those addresses' reverse names. Other addresses are never
/// answered, nor are names without a dot.
fn pins(table: &str) -> impl Iterator<Item = String> {
    let entry = |words: Vec<&str>| {
        let (address, names) = words.split_first()?;
        let address = address.parse::<IpAddr>().ok().filter(|address| is_public(*address))?;
        let names = names.iter().filter_map(|name| zone(name)).filter(|name| name.contains('.'));
        Some(names.chain([reverse_of(address)]).collect::<Vec<_>>())
    };
    lines(table).filter_map(entry).flatten().take(PINS)
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !Block::from(v4).is_never_public(),
        IpAddr::V6(v6) => {
            let unique_local = v6.segments()[0] & 0xfe00 == 0xfc00;
            !(unique_local
                || v6.is_loopback()
                || v6.is_multicast()
                || v6.is_unicast_link_local()
                || v6 == Ipv6Addr::UNSPECIFIED)
        }
    }
}

/// A name as a zone, if it can be one; the root is none.
fn zone(raw: &str) -> Option<String> {
    let name = raw.trim().trim_matches('.').to_ascii_lowercase();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (!name.is_empty() && name.len() < 254 && name.bytes().all(plain)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    const TABLE: &str = "127.0.0.1 localhost\n198.51.100.7 db.corp.example db # pinned\n10.0.0.7 nas.corp.example\n\
                         0.0.0.0 ads.example\n::1 localhost.example\n2001:db8::7 six.corp.example\n";

    #[test]
    fn search_domains_and_the_hosts_full_name_are_its_own() {
        let resolv = "# made by hand\nnameserver 192.0.2.53\nsearch Corp.example. lan .\ndomain old.example\n";
        let read = HostNames::read(
            HostFiles { resolv, table: TABLE, name: "build1.office.example\n", ..HostFiles::default() },
            &BTreeSet::new(),
        );
        assert_eq!(read.search, set(&["corp.example", "lan", "old.example"]));
        assert_eq!(read.own, set(&["build1.office.example"]), "nobody here reads the table");
        assert!(!read.beyond_resolved);
    }

    #[test]
    fn a_name_server_on_the_host_may_read_its_table() {
        let pinned = set(&[
            "7.100.51.198.in-addr.arpa",
            "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
            "db.corp.example",
            "six.corp.example",
        ]);
        let own = BTreeSet::from([Ipv4Addr::new(192, 0, 2, 9)]);
        for resolv in ["nameserver 127.0.0.1", "nameserver 192.0.2.1\nnameserver 192.0.2.9", "nameserver ::1"] {
            let read = HostNames::read(HostFiles { resolv, table: TABLE, name: "vm", ..HostFiles::default() }, &own);
            assert_eq!(read.own, pinned, "{resolv}");
        }
    }

    #[test]
    fn who_asks_the_hosts_own_resolver_hears_its_table() {
        let files = HostFiles { resolv: "nameserver 192.0.2.1", table: TABLE, ..HostFiles::default() };
        assert!(HostNames::of_resolver(files).own.contains("db.corp.example"));
        assert!(HostNames::read(files, &BTreeSet::new()).own.is_empty());
    }

    #[test]
    fn the_servers_behind_systemd_resolved_are_asked_themselves() {
        let files = HostFiles {
            resolv: "nameserver 127.0.0.53\nsearch .\n",
            uplinks: "nameserver 192.0.2.53\nsearch lan",
            table: TABLE,
            name: "vm",
        };
        let read = HostNames::read(files, &BTreeSet::new());
        assert_eq!(read, HostNames { search: set(&["lan"]), own: set(&[]), beyond_resolved: true });
        let without = HostNames::read(HostFiles { uplinks: "# none yet", ..files }, &BTreeSet::new());
        assert!(!without.beyond_resolved && without.own.contains("db.corp.example"), "{without:?}");
        let elsewhere = HostFiles { resolv: "nameserver 192.0.2.1", ..files };
        assert!(!HostNames::read(elsewhere, &BTreeSet::new()).beyond_resolved, "the host itself does not ask it");
    }
}
