//! What the kernel reports about the host's own network: its addresses, routes and firewalls.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use cci_core::address::Subnet;
use cci_core::network::{
    self, Addresses, Block, Firewall, FirewallFacts, HostFiles, HostNames, UPLINKS, local_addresses, routes,
};

/// The destinations that the host already has a route to, other than by this interface.
#[must_use]
pub fn used_beside(interface: &str) -> Vec<Block> {
    routes(&text("/proc/net/route"), interface)
}

/// The host's own addresses, without loopback.
#[must_use]
pub fn own_addresses() -> BTreeSet<Ipv4Addr> {
    local_addresses(&text("/proc/net/fib_trie"))
}

/// The addresses that a name may lead a container to: those that are neither the host's nor its network's.
#[must_use]
pub fn public_addresses() -> Addresses {
    Addresses::public(&own_addresses(), &text("/proc/net/if_inet6"))
}

/// What the host's name servers know besides public names.
#[must_use]
pub fn names() -> HostNames {
    of_files(|files| HostNames::read(files, &own_addresses()))
}

/// What the host's own resolver knows besides public names.
#[must_use]
pub fn names_of_resolver() -> HostNames {
    of_files(HostNames::of_resolver)
}

fn of_files(read: impl FnOnce(HostFiles<'_>) -> HostNames) -> HostNames {
    let [resolv, uplinks, table, name] =
        ["/etc/resolv.conf", UPLINKS, "/etc/hosts", "/proc/sys/kernel/hostname"].map(text);
    read(HostFiles { resolv: &resolv, uplinks: &uplinks, table: &table, name: &name })
}

/// The address and network of an interface that has one of its own.
#[must_use]
pub fn subnet_on(interface: &str) -> Option<Subnet> {
    network::subnet_on(interface, &text("/proc/net/route"), &text("/proc/net/fib_trie"))
}

/// What might block a bridge's traffic, as far as any user can see it.
#[must_use]
pub fn firewall() -> FirewallFacts {
    let there = |path: &str| Path::new(path).exists();
    let ufw = text("/etc/ufw/ufw.conf").lines().any(|line| line.trim().eq_ignore_ascii_case("ENABLED=yes"));
    let found = [
        (Firewall::Docker, there("/sys/class/net/docker0")),
        (Firewall::Ufw, ufw),
        (Firewall::Firewalld, there("/run/firewalld.pid")),
    ];
    FirewallFacts {
        forwards: text("/proc/sys/net/ipv4/ip_forward").trim() != "0",
        firewalls: found.into_iter().filter(|(_, there)| *there).map(|(firewall, _)| firewall).collect(),
    }
}

/// The host's `nft`, in the place where distributions install it.
pub fn nft() -> Option<PathBuf> {
    ["/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"].map(PathBuf::from).into_iter().find(|path| path.is_file())
}

/// A missing table is empty.
fn text(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
