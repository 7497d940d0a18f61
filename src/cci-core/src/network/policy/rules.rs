//! The rules of a policy for traffic out of a container.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::Policy;
use crate::network::block::Block;
use crate::network::entry::{Ports, Target};
use crate::network::mode::Mode;
use crate::network::resolved::Resolved;
use crate::network::rule::Rule;

impl Policy {
    /// Its rules for traffic out of a container, first those that refuse; what none of them names is refused.
    ///
    /// `host` are the host's own addresses: what listens there is no business of a container's.
    #[must_use]
    pub fn rules(&self, resolved: &Resolved, host: &BTreeSet<Ipv4Addr>) -> Vec<Rule> {
        let mut rules = vec![Rule::reject(Block::SPECIAL, "loopback, multicast and reserved addresses")];
        if self.block_metadata {
            rules.push(Rule::reject([Block::LINK_LOCAL], "link-local addresses and cloud metadata"));
        }
        if self.block_private {
            rules.push(Rule::reject(Block::PRIVATE, "private networks, other containers and the host"));
        }
        let covered = |block: &Block| rules.iter().flat_map(|rule| &rule.to).any(|known| known.covers(*block));
        let own: Vec<Block> = host.iter().map(|address| Block::from(*address)).filter(|own| !covered(own)).collect();
        if !own.is_empty() {
            rules.push(Rule::reject(own, "this host's own addresses"));
        }
        match self.mode {
            Mode::Allowlist => rules.extend(self.allowed(resolved)),
            Mode::Restricted | Mode::Open => {
                rules.push(Rule::allow([Block::ALL], Ports::default(), "the public internet"));
            }
        }
        rules
    }

    /// One rule for each set of ports.
    fn allowed(&self, resolved: &Resolved) -> Vec<Rule> {
        let mut by_ports: BTreeMap<&Ports, BTreeSet<Block>> = BTreeMap::new();
        for entry in &self.entries {
            let blocks = by_ports.entry(&entry.ports).or_default();
            match &entry.target {
                Target::Block(block) => _ = blocks.insert(*block),
                Target::Name(name) => blocks.extend(resolved.addresses(name.as_str()).map(Block::from)),
                Target::Below(_) => {}
            }
        }
        let listed = by_ports.into_iter().filter(|(_, blocks)| !blocks.is_empty());
        listed.map(|(ports, blocks)| Rule::allow(apart(&blocks), ports.clone(), "allowed_domains")).collect()
    }
}

/// The blocks without those that lie in another: what reads them wants no overlap. In their order a block stands right
/// before what lies in it.
fn apart(blocks: &BTreeSet<Block>) -> Vec<Block> {
    let mut apart: Vec<Block> = Vec::new();
    for block in blocks {
        if apart.last().is_none_or(|last| !last.covers(*block)) {
            apart.push(*block);
        }
    }
    apart
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::network::policy::tests::{allowlist, domain, restricted};
    use crate::network::{Action, Flow, Protocol, Verdict};

    fn reaches(rules: &[Rule], address: &str, port: u16) -> bool {
        let flow = Flow { to: address.parse().unwrap(), protocol: Protocol::Tcp, port: Some(port) };
        matches!(Verdict::of(rules, &flow), Verdict::Allowed(_))
    }

    fn pair(name: &str, addresses: &[Ipv4Addr]) -> BTreeMap<String, BTreeSet<Ipv4Addr>> {
        BTreeMap::from([(name.to_owned(), addresses.iter().copied().collect())])
    }

    #[test]
    fn restricted_reaches_the_internet_and_nothing_near() {
        let host = BTreeSet::from(["192.0.2.2".parse().unwrap()]);
        let rules = restricted().rules(&Resolved::default(), &host);
        assert!(reaches(&rules, "198.51.100.10", 443));
        for near in
            ["10.99.0.10", "172.20.0.10", "192.168.77.10", "100.64.9.9", "169.254.169.254", "127.0.0.1", "192.0.2.2"]
        {
            assert!(!reaches(&rules, near, 443), "{near}");
        }
    }

    #[test]
    fn an_allowlist_reaches_what_is_listed() {
        let policy = allowlist(&["198.51.100.10:443", "198.51.101.0/24", "a.example:8000-8100"]);
        let resolved = Resolved::new(pair("a.example", &[Ipv4Addr::new(198, 51, 102, 1)]));
        let rules = policy.rules(&resolved, &BTreeSet::new());
        assert!(reaches(&rules, "198.51.100.10", 443));
        assert!(!reaches(&rules, "198.51.100.10", 80));
        assert!(reaches(&rules, "198.51.101.7", 22));
        assert!(reaches(&rules, "198.51.102.1", 8050));
        assert!(!reaches(&rules, "198.51.102.1", 443));
        assert!(!reaches(&rules, "198.51.100.11", 443));
    }

    #[test]
    fn the_hosts_own_address_is_not_reachable_even_when_listed() {
        let policy = allowlist(&["198.51.100.0/24"]);
        let rules = policy.rules(&Resolved::default(), &BTreeSet::from([Ipv4Addr::new(198, 51, 100, 1)]));
        assert!(reaches(&rules, "198.51.100.2", 1));
        assert!(!reaches(&rules, "198.51.100.1", 1));
    }

    proptest! {
        #[test]
        fn the_order_of_the_rules_changes_nothing(
            domains in prop::collection::vec(domain(), 1..8),
            address: u32,
            port in 1u16..,
            seed in any::<prop::sample::Index>(),
        ) {
            let policy = allowlist(&domains.iter().map(String::as_str).collect::<Vec<_>>());
            let mut rules = policy.rules(&Resolved::default(), &BTreeSet::new());
            let flow = Flow { to: Ipv4Addr::from(address), protocol: Protocol::Tcp, port: Some(port) };
            let before = Verdict::of(&rules, &flow).is_allowed();
            let middle = seed.index(rules.len());
            rules.rotate_left(middle);
            prop_assert_eq!(Verdict::of(&rules, &flow).is_allowed(), before);
        }

        #[test]
        fn every_refusal_stands_before_every_permission(domains in prop::collection::vec(domain(), 0..8)) {
            let policy = allowlist(&domains.iter().map(String::as_str).collect::<Vec<_>>());
            let rules = policy.rules(&Resolved::default(), &BTreeSet::new());
            prop_assert!(rules.is_sorted_by_key(|rule| rule.action));
            prop_assert!(rules.iter().any(|rule| rule.action == Action::Reject));
        }

        #[test]
        fn a_listed_name_never_leads_to_a_private_address(address: u32, port in 1u16..) {
            let address = Ipv4Addr::from(address);
            let policy = allowlist(&["a.example"]);
            let rules = policy.rules(&Resolved::new(pair("a.example", &[address])), &BTreeSet::new());
            prop_assert_eq!(reaches(&rules, &address.to_string(), port), !Block::from(address).is_never_public());
        }

        #[test]
        fn no_block_of_a_rule_lies_in_another(domains in prop::collection::vec(domain(), 0..20)) {
            let policy = allowlist(&domains.iter().map(String::as_str).collect::<Vec<_>>());
            for rule in policy.rules(&Resolved::default(), &BTreeSet::new()) {
                for (index, block) in rule.to.iter().enumerate() {
                    prop_assert!(rule.to.iter().skip(index + 1).all(|other| !other.overlaps(*block)));
                }
            }
        }
    }
}
