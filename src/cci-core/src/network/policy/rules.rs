//! The rules of a policy for traffic out of a container.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::{DOORS, Policy};
use crate::network::block::Block;
use crate::network::entry::{BY_NAME, Ports, Target};
use crate::network::mode::Mode;
use crate::network::resolved::Resolved;
use crate::network::rule::{Action, Rule};

impl Policy {
    /// Its rules for traffic out of a container, first those that refuse; what none of them names is refused.
    ///
    /// `host` are the host's own addresses: what listens there is no business of a container's. `gateway` is the one of the
    /// bridge, where the doors of a policy by name are: a refusal goes before a permission, so none may be about it.
    #[must_use]
    pub fn rules(&self, resolved: &Resolved, host: &BTreeSet<Ipv4Addr>, gateway: Option<Ipv4Addr>) -> Vec<Rule> {
        let doors = gateway.filter(|_| self.is_named()).map(Block::from);
        let services: BTreeSet<Block> =
            self.services().filter_map(|service| service.address(gateway)).map(Block::from).collect();
        let holes: BTreeSet<Block> = services.iter().copied().chain(doors).collect();
        let mut rules = vec![Rule::reject(Block::SPECIAL, "loopback, multicast and reserved addresses")];
        if self.block_metadata {
            rules.push(Rule::reject(Block::METADATA, "link-local addresses and cloud metadata"));
        }
        if self.block_private {
            let blocks = Block::PRIVATE.into_iter().flat_map(|block| but(block, &holes));
            rules.push(Rule::reject(blocks, "private networks, other containers and the host"));
        }
        let covered = |block: &Block| rules.iter().flat_map(|rule| &rule.to).any(|known| known.covers(*block));
        let own = host.iter().map(|address| Block::from(*address));
        let own: Vec<Block> = own.filter(|own| !covered(own) && !holes.contains(own)).collect();
        if !own.is_empty() {
            rules.push(Rule::reject(own, "this host's own addresses"));
        }
        if let Some(doors) = doors {
            rules.push(Rule::allow([doors], DOORS.map(|(_, door)| door).into(), "judged by the name of the host"));
        }
        // what stands out of a refusal is let through on its own ports, and not with everything public
        let is_refused = |block: &Block| self.block_private && block.is_private() || host.contains(&block.base());
        let apart: BTreeSet<Block> = services.into_iter().filter(is_refused).chain(doors).collect();
        match self.mode {
            Mode::None => {}
            Mode::Allowlist => rules.extend(self.allowed(resolved, &apart)),
            // what is let through by its address would not be known, and neither would QUIC
            Mode::Learn => {
                let ports = Ports::default().without(&BY_NAME).unwrap_or_default();
                rules.push(Rule::allow(but(Block::ALL, &apart), ports, "the public internet, on other ports"));
            }
            Mode::Restricted | Mode::Open => {
                rules.push(Rule::allow(but(Block::ALL, &apart), Ports::default(), "the public internet"));
            }
        }
        rules.extend(self.opened(gateway));
        rules
    }

    /// One rule for each set of ports; a listed block is not about what is let through apart from it.
    fn allowed(&self, resolved: &Resolved, apart: &BTreeSet<Block>) -> Vec<Rule> {
        let mut by_ports: BTreeMap<Ports, BTreeSet<Block>> = BTreeMap::new();
        for entry in &self.entries {
            let (ports, blocks): (_, Vec<Block>) = match &entry.target {
                Target::Block(block) => (Some(entry.ports.clone()), but(*block, apart)),
                Target::Name(name) => {
                    (self.by_address(&entry.ports), resolved.addresses(name.as_str()).map(Block::from).collect())
                }
                Target::Below(_) => (None, Vec::new()),
            };
            if let Some(ports) = ports {
                by_ports.entry(ports).or_default().extend(blocks);
            }
        }
        let listed = by_ports.into_iter().filter(|(_, blocks)| !blocks.is_empty());
        listed.map(|(ports, blocks)| Rule::allow(Block::apart(&blocks), ports, "allowed_domains")).collect()
    }

    /// One rule for each service with ports that are not judged by name.
    pub(crate) fn opened(&self, gateway: Option<Ipv4Addr>) -> impl Iterator<Item = Rule> {
        self.services().filter_map(move |service| {
            let (address, ports) = (service.address(gateway)?, self.by_address(service.ports())?);
            Some(Rule::allow([address.into()], ports, &format!("network.hosts: {}", service.name())))
        })
    }

    /// What its rules refuse but for its services: the blocks where none of these is.
    pub(crate) fn refused(&self) -> Vec<Block> {
        let closed = Self { services: BTreeSet::new(), ..self.clone() };
        Block::apart(&closed.rejected(None).collect())
    }

    /// What its rules refuse whatever its names lead to; `gateway` is that of the bridge, where this matters.
    pub(super) fn rejected(&self, gateway: Option<Ipv4Addr>) -> impl Iterator<Item = Block> + use<> {
        let rules = self.rules(&Resolved::default(), &BTreeSet::new(), gateway).into_iter();
        rules.filter(|rule| rule.action == Action::Reject).flat_map(|rule| rule.to)
    }

    /// Of the ports of a name, those on which its addresses are let through.
    fn by_address(&self, ports: &Ports) -> Option<Ports> {
        if self.is_named() { ports.without(&BY_NAME) } else { Some(ports.clone()) }
    }
}

/// A block without some addresses.
fn but(block: Block, holes: &BTreeSet<Block>) -> Vec<Block> {
    holes.iter().fold(vec![block], |left, hole| left.into_iter().flat_map(|block| block.without(*hole)).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::network::policy::tests::{allowlist, domain, keeper, learn, restricted, with_services};
    use crate::network::{Flow, Protocol, ServiceEntry, Verdict};
    use crate::settings::NetworkSettings;

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
        let rules = restricted().rules(&Resolved::default(), &host, None);
        assert!(reaches(&rules, "198.51.100.10", 443));
        for near in
            ["10.99.0.10", "172.20.0.10", "192.168.77.10", "100.64.9.9", "169.254.169.254", "127.0.0.1", "192.0.2.2"]
        {
            assert!(!reaches(&rules, near, 443), "{near}");
        }
    }

    #[test]
    fn the_metadata_of_clouds_is_refused_also_where_the_local_network_is_reached() {
        let metadata =
            ["169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "168.63.129.16", "192.0.0.192"];
        for mode in [Mode::Restricted, Mode::Learn] {
            let settings = NetworkSettings { mode, allow_local_network_access: true, ..NetworkSettings::default() };
            let policy = Policy::new(&settings, &keeper()).unwrap().unwrap();
            let rules = policy.rules(&Resolved::default(), &BTreeSet::new(), None);
            assert!(reaches(&rules, "10.0.0.1", 22) && reaches(&rules, "100.100.100.201", 22), "{mode}");
            for address in metadata {
                assert!(!reaches(&rules, address, 22), "{mode} {address}");
            }
            let settings = NetworkSettings { block_metadata_endpoint: false, ..settings };
            let policy = Policy::new(&settings, &keeper()).unwrap().unwrap();
            let rules = policy.rules(&Resolved::default(), &BTreeSet::new(), None);
            for address in metadata {
                assert!(reaches(&rules, address, 22), "{mode} {address}");
            }
        }
        let listed = allowlist(&["168.63.0.0/16", "100.0.0.0/8"]);
        let rules = listed.rules(&Resolved::default(), &BTreeSet::new(), None);
        for address in metadata {
            assert!(!reaches(&rules, address, 22), "{address}");
        }
    }

    #[test]
    fn what_is_refused_is_blocks_of_which_none_lies_in_another() {
        for policy in [restricted(), learn(), allowlist(&["a.example"])] {
            let blocks = policy.refused();
            for (index, block) in blocks.iter().enumerate() {
                assert!(blocks.iter().skip(index + 1).all(|other| !other.overlaps(*block)), "{blocks:?}");
            }
        }
    }

    #[test]
    fn what_is_learned_is_as_restricted_and_names_go_to_the_doors() {
        let gateway = Ipv4Addr::new(10, 128, 3, 1);
        let rules = learn().rules(&Resolved::default(), &BTreeSet::new(), Some(gateway));
        assert!(reaches(&rules, "198.51.100.10", 22) && reaches(&rules, "10.128.3.1", DOORS[0].1));
        assert!(learn().is_sent_to_door(Ipv4Addr::new(198, 51, 100, 10), 443, None));
        for (address, port) in [("198.51.100.10", 443), ("198.51.100.10", 80), ("10.0.0.1", 22), ("10.128.3.1", 22)] {
            assert!(!reaches(&rules, address, port), "{address}:{port}");
        }
    }

    #[test]
    fn a_service_is_reached_on_its_ports_and_nothing_beside_it() {
        let (gateway, host) = (Ipv4Addr::new(10, 128, 3, 1), BTreeSet::from([Ipv4Addr::new(192, 168, 7, 2)]));
        let services = [("db.lan", "192.168.7.5", 5432), ("here.lan", "host", 8080), ("own.lan", "192.168.7.2", 53)];
        for mode in [Mode::Restricted, Mode::Learn, Mode::Allowlist] {
            let rules = with_services(mode, &services).rules(&Resolved::default(), &host, Some(gateway));
            for (address, port) in [("192.168.7.5", 5432), ("10.128.3.1", 8080), ("192.168.7.2", 53)] {
                assert!(reaches(&rules, address, port), "{mode} {address}:{port}");
            }
            for (address, port) in [
                ("192.168.7.5", 5433),
                ("192.168.7.4", 5432),
                ("192.168.7.6", 5432),
                ("10.128.3.1", 5432),
                ("10.128.3.2", 8080),
                ("192.168.7.2", 8080),
                ("169.254.169.254", 5432),
                ("127.0.0.1", 8080),
            ] {
                assert!(!reaches(&rules, address, port), "{mode} {address}:{port}");
            }
            let ping = Flow { to: Ipv4Addr::new(192, 168, 7, 5), protocol: Protocol::Icmp, port: None };
            assert_eq!(Verdict::of(&rules, &ping), Verdict::NotListed, "{mode}");
            assert_eq!(reaches(&rules, "198.51.100.10", 22), mode != Mode::Allowlist, "{mode}");
        }
    }

    #[test]
    fn a_listed_block_does_not_open_more_of_a_host_that_has_a_service_there() {
        let hosts = vec![ServiceEntry { name: "own.lan".into(), address: "198.51.100.1".into(), ports: vec![8080] }];
        let allowed_domains = vec!["198.51.100.0/24".to_owned()];
        let settings = NetworkSettings { mode: Mode::Allowlist, hosts, allowed_domains, ..NetworkSettings::default() };
        let policy = Policy::new(&settings, &keeper()).unwrap().unwrap();
        let rules = policy.rules(&Resolved::default(), &BTreeSet::from([Ipv4Addr::new(198, 51, 100, 1)]), None);
        assert!(reaches(&rules, "198.51.100.1", 8080) && reaches(&rules, "198.51.100.2", 22));
        assert!(!reaches(&rules, "198.51.100.1", 22));
    }

    #[test]
    fn where_names_are_judged_a_service_has_no_address_rule_on_their_ports() {
        let service = [("web.lan", "192.168.7.5", 443)];
        let at = Ipv4Addr::new(192, 168, 7, 5);
        let by_name = with_services(Mode::Learn, &service);
        assert!(
            by_name.is_sent_to_door(at, 443, None)
                && !reaches(&by_name.rules(&Resolved::default(), &BTreeSet::new(), None), "192.168.7.5", 443)
        );
        assert!(!by_name.is_sent_to_door(Ipv4Addr::new(192, 168, 7, 6), 443, None));
        assert_eq!(by_name.services_by_name().count(), 1);
        let by_address = with_services(Mode::Restricted, &service);
        assert!(!by_address.is_sent_to_door(at, 443, None) && by_address.services_by_name().next().is_none());
        assert!(reaches(&by_address.rules(&Resolved::default(), &BTreeSet::new(), None), "192.168.7.5", 443));
        let (here, gateway) = (with_services(Mode::Learn, &[("web.lan", "host", 443)]), Ipv4Addr::new(10, 128, 3, 1));
        assert!(here.is_sent_to_door(gateway, 443, Some(gateway)) && !here.is_sent_to_door(gateway, 80, Some(gateway)));
    }

    #[test]
    fn an_allowlist_reaches_what_is_listed() {
        let policy = allowlist(&["198.51.100.10:443", "198.51.101.0/24", "a.example:8000-8100"]);
        let resolved = Resolved::new(pair("a.example", &[Ipv4Addr::new(198, 51, 102, 1)]));
        let rules = policy.rules(&resolved, &BTreeSet::new(), None);
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
        let rules = policy.rules(&Resolved::default(), &BTreeSet::from([Ipv4Addr::new(198, 51, 100, 1)]), None);
        assert!(reaches(&rules, "198.51.100.2", 1));
        assert!(!reaches(&rules, "198.51.100.1", 1));
    }

    #[test]
    fn what_is_listed_by_name_is_let_through_by_its_addresses_on_other_ports_only() {
        let policy = allowlist(&["a.example", "b.example:22,443", "198.51.100.10:443", "*.c.example"]);
        let addresses = ["198.51.102.1", "198.51.102.2"].map(|address| address.parse().unwrap());
        let resolved = Resolved::new(
            pair("a.example", &addresses[..1]).into_iter().chain(pair("b.example", &addresses[1..])).collect(),
        );
        let rules = policy.rules(&resolved, &BTreeSet::new(), None);
        for (address, port, reached) in [
            ("198.51.102.1", 22, true),
            ("198.51.102.1", 80, false),
            ("198.51.102.1", 443, false),
            ("198.51.102.2", 22, true),
            ("198.51.102.2", 443, false),
            ("198.51.100.10", 443, true),
            ("192.88.99.7", 443, false),
            ("192.88.99.7", 22, false),
        ] {
            assert_eq!(reaches(&rules, address, port), reached, "{address}:{port}");
        }
    }

    #[test]
    fn of_what_is_near_the_doors_alone_are_reached() {
        let gateway = Ipv4Addr::new(10, 128, 3, 1);
        let host = BTreeSet::from([gateway, Ipv4Addr::new(198, 51, 100, 1)]);
        let named = allowlist(&["a.example"]).rules(&Resolved::default(), &host, Some(gateway));
        for (_, door) in DOORS {
            assert!(reaches(&named, "10.128.3.1", door), "{door}");
            for other in ["10.128.3.2", "10.128.3.0", "10.0.0.1", "10.255.255.255", "198.51.100.1"] {
                assert!(!reaches(&named, other, door), "{other}:{door}");
            }
        }
        assert!(!reaches(&named, "10.128.3.1", 22) && !reaches(&named, "10.128.3.1", 443));
        let by_address = allowlist(&["198.51.100.10"]);
        let without = by_address.rules(&Resolved::default(), &host, None);
        assert_eq!(by_address.rules(&Resolved::default(), &host, Some(gateway)), without, "it has no doors");
    }

    proptest! {
        #[test]
        fn what_is_private_is_refused_but_for_the_doors(bits: u32, gateway: u32, port in 1u16.., learns: bool) {
            let gateway = Ipv4Addr::from(0x0a80_0000 | gateway & 0x007f_ffff);
            let near = Ipv4Addr::from(0x0a00_0000 | bits & 0x00ff_ffff);
            let policy = if learns { learn() } else { allowlist(&["a.example"]) };
            let rules = policy.rules(&Resolved::default(), &BTreeSet::from([gateway]), Some(gateway));
            for address in [near, gateway] {
                let is_door = address == gateway && DOORS.iter().any(|(_, door)| *door == port);
                prop_assert_eq!(reaches(&rules, &address.to_string(), port), is_door);
            }
        }

        #[test]
        fn the_order_of_the_rules_changes_nothing(
            domains in prop::collection::vec(domain(), 1..8),
            address: u32,
            port in 1u16..,
            seed in any::<prop::sample::Index>(),
        ) {
            let policy = allowlist(&domains.iter().map(String::as_str).collect::<Vec<_>>());
            let mut rules = policy.rules(&Resolved::default(), &BTreeSet::new(), None);
            let flow = Flow { to: Ipv4Addr::from(address), protocol: Protocol::Tcp, port: Some(port) };
            let before = Verdict::of(&rules, &flow).is_allowed();
            let middle = seed.index(rules.len());
            rules.rotate_left(middle);
            prop_assert_eq!(Verdict::of(&rules, &flow).is_allowed(), before);
        }

        #[test]
        fn every_refusal_stands_before_every_permission(domains in prop::collection::vec(domain(), 0..8)) {
            let policy = allowlist(&domains.iter().map(String::as_str).collect::<Vec<_>>());
            let rules = policy.rules(&Resolved::default(), &BTreeSet::new(), None);
            prop_assert!(rules.is_sorted_by_key(|rule| rule.action));
            prop_assert!(rules.iter().any(|rule| rule.action == Action::Reject));
        }

        #[test]
        fn a_listed_name_never_leads_to_a_private_address(address: u32, port in 1u16..) {
            let address = Ipv4Addr::from(address);
            let policy = allowlist(&["a.example"]);
            let rules = policy.rules(&Resolved::new(pair("a.example", &[address])), &BTreeSet::new(), None);
            let is_by_name = BY_NAME.contains(&port);
            let wanted = !is_by_name && !Block::from(address).is_never_public();
            prop_assert_eq!(reaches(&rules, &address.to_string(), port), wanted);
        }

        #[test]
        fn no_block_of_a_rule_lies_in_another(domains in prop::collection::vec(domain(), 0..20)) {
            let policy = allowlist(&domains.iter().map(String::as_str).collect::<Vec<_>>());
            for rule in policy.rules(&Resolved::default(), &BTreeSet::new(), None) {
                for (index, block) in rule.to.iter().enumerate() {
                    prop_assert!(rule.to.iter().skip(index + 1).all(|other| !other.overlaps(*block)));
                }
            }
        }
    }
}
