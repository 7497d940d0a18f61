//! A second layer below a policy's ACL, where the host has nftables: it closes what Incus's own rules leave open.
//!
//! Incus lets port 53 of **every** host address through, removes a network's rules for a moment whenever it sets up the
//! network again (also at each of its own restarts), and knows the host's addresses only as they were. The rules here
//! exist as long as a container is on the bridge, whatever Incus does. They only refuse; what may pass is up to the
//! ACL. Where connections are judged by name, they also send these to the bridge's own doors, and to nowhere else: so
//! nothing is reached by name until somebody has taken it in there.

use std::net::Ipv4Addr;
use std::path::Path;

use super::block::Block;
use super::policy::{DOORS, Policy};
use super::rule::Rule;

/// Lines for `raw.lxc`: Incus loads the rules before a container's first instruction, and removes them after its last.
///
/// If a user's end was missed, as by a crash of LXC, its chain stays: then a bridge without ports shows that it was the
/// last.
///
/// `user` identifies this container among the others on the bridge; letters and digits only.
#[must_use]
pub fn hooks(policy: &Policy, gateway: Ipv4Addr, nft: &Path, user: &str) -> String {
    let (bridge, nft, rules) = (policy.name(), nft.display(), rules(policy, gateway, user));
    // LXC puts `exec` before a hook and words after it, which the shell takes for a comment
    format!(
        "lxc.hook.start-host = {nft} '{rules}' #\n\
         lxc.hook.post-stop = /bin/sh -c '{nft} delete chain inet {bridge} by_{user}; \
         {nft} \"delete chain inet {bridge} held; delete table inet {bridge}\" || \
         [ -n \"$(ls /sys/class/net/{bridge}/brif)\" ] || {nft} delete table inet {bridge}; :' 2>/dev/null #\n"
    )
}

/// One transaction that replaces the existing rules, and registers the container as their user.
///
/// Each user is a chain that jumps to `held`: the kernel refuses to remove a chain that another one jumps to, so the
/// last user's end removes the table, and an end at the same time as a start cannot.
fn rules(policy: &Policy, gateway: Ipv4Addr, user: &str) -> String {
    let name = policy.name();
    let (blocks, opened) = (joined(&policy.refused()), opened(policy, gateway));
    let (taken_in, to_doors) = if policy.is_named() { doors(policy, gateway) } else { <_>::default() };
    format!(
        "table inet {name} {{ chain held {{ }}; chain by_{user} {{ }}; \
         chain to_host {{ type filter hook input priority -1; }}; \
         chain beyond {{ type filter hook forward priority -1; }}; }}; \
         flush chain inet {name} by_{user}; flush chain inet {name} to_host; \
         flush chain inet {name} beyond; table inet {name} {{ \
         chain by_{user} {{ jump held; }}; \
         chain to_host {{ iifname != \"{name}\" accept; \
         ct state established,related accept; udp dport 67 accept; \
         ip daddr {gateway} udp dport 53 accept; ip daddr {gateway} tcp dport 53 accept; {opened}{taken_in}reject; }}; \
         chain beyond {{ iifname != \"{name}\" accept; \
         ct state established,related accept; meta nfproto ipv6 reject; {opened}ip daddr {{ {blocks} }} reject; }}; }}{to_doors}"
    )
}

/// What lets through to single services.
fn opened(policy: &Policy, gateway: Ipv4Addr) -> String {
    let one = |rule: Rule| {
        let (to, ports) = (rule.destination(), rule.ports);
        format!("ip daddr {to} tcp dport {{ {ports} }} accept; ip daddr {to} udp dport {{ {ports} }} accept; ")
    };
    policy.opened(Some(gateway)).map(one).collect()
}

/// What lets connections in that are judged by name, and what sends them there. Where nobody listens they are refused.
fn doors(policy: &Policy, gateway: Ipv4Addr) -> (String, String) {
    let name = policy.name();
    let doors = DOORS.map(|(_, door)| door.to_string()).join(", ");
    let sent = DOORS.map(|(port, door)| {
        let beside = joined(&policy.beside_door(port, Some(gateway)));
        format!("iifname \"{name}\" ip daddr != {{ {beside} }} tcp dport {port} redirect to :{door}; ")
    });
    let chain = "chain to_doors { type nat hook prerouting priority -100; }";
    (
        format!("ip daddr {gateway} tcp dport {{ {doors} }} accept; "),
        format!(
            "; table inet {name} {{ {chain}; }}; flush chain inet {name} to_doors; \
             table inet {name} {{ chain to_doors {{ {}}}; }}",
            sent.concat()
        ),
    )
}

fn joined<'a>(blocks: impl IntoIterator<Item = &'a Block>) -> String {
    blocks.into_iter().map(Block::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::policy::Keeper;
    use super::super::{Mode, ServiceEntry};
    use super::*;
    use crate::settings::NetworkSettings;

    fn hooked(settings: &NetworkSettings) -> String {
        let policy = Policy::new(settings, &Keeper::of(1000, Path::new("/home/u/.cci"))).unwrap().unwrap();
        hooks(&policy, Ipv4Addr::new(10, 128, 3, 1), Path::new("/usr/sbin/nft"), "a1b2")
    }

    #[test]
    fn what_names_its_host_is_sent_to_the_doors() {
        let listed = |domains: &[&str]| NetworkSettings {
            mode: Mode::Allowlist,
            allowed_domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
            ..NetworkSettings::default()
        };
        let named = hooked(&listed(&["a.example", "198.51.100.1:443"]));
        assert_eq!(named.lines().count(), 2, "{named}");
        assert!(named.lines().all(|line| line.matches('\'').count() == 2), "{named}");
        assert!(named.contains("ip daddr 10.128.3.1 tcp dport { 28080, 28443 } accept; reject; }"), "{named}");
        assert!(
            named.contains("198.51.100.1, 224.0.0.0/4, 240.0.0.0/4 } tcp dport 443 redirect to :28443; "),
            "{named}"
        );
        assert!(
            named.contains("192.168.0.0/16, 224.0.0.0/4, 240.0.0.0/4 } tcp dport 80 redirect to :28080; "),
            "{named}"
        );
        let by_address = hooked(&listed(&["198.51.100.1:443"]));
        assert!(!by_address.contains("redirect") && !by_address.contains("28443"), "{by_address}");
    }

    #[test]
    fn a_service_is_let_through_before_the_refusals() {
        let service = |name: &str, address: &str, port| ServiceEntry {
            name: name.into(),
            address: address.into(),
            ports: vec![port],
        };
        let hosts = vec![service("db.lan", "192.168.7.5", 5432), service("here.lan", "host", 8080)];
        let hooks = hooked(&NetworkSettings { hosts, ..NetworkSettings::default() });
        let opened = "ip daddr 192.168.7.5 tcp dport { 5432 } accept; ip daddr 192.168.7.5 udp dport { 5432 } accept; \
                      ip daddr 10.128.3.1 tcp dport { 8080 } accept; ip daddr 10.128.3.1 udp dport { 8080 } accept; ";
        assert!(hooks.contains(&format!("tcp dport 53 accept; {opened}reject; }}")), "{hooks}");
        assert!(hooks.contains(&format!("ipv6 reject; {opened}ip daddr {{ 0.0.0.0/8, 10.0.0.0/8,")), "{hooks}");
        assert!(hooks.contains("192.168.0.0/16"), "the refusals stay whole");
    }

    #[test]
    fn a_hook_is_one_line_with_one_pair_of_quotes() {
        let hooks = hooked(&NetworkSettings::default());
        let lines: Vec<&str> = hooks.lines().collect();
        assert_eq!(lines.len(), 2, "{hooks}");
        assert!(lines[0].starts_with("lxc.hook.start-host = /usr/sbin/nft 'table inet cci-"), "{hooks}");
        assert!(lines.iter().all(|line| line.matches('\'').count() == 2), "{hooks}");
        assert!(lines[0].contains("chain by_a1b2 { jump held; }") && lines[1].contains("by_a1b2"), "{hooks}");
        assert!(lines[0].contains("10.0.0.0/8"), "{hooks}");
        assert!(lines.iter().all(|line| line.ends_with(" #")), "{hooks}");
    }
}
