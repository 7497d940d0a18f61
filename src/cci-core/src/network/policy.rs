//! What a mode and its settings come to: an ordered list of rules, and a name that equal policies share.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::Ipv4Addr;

use sha2::{Digest, Sha256};

use super::block::Block;
use super::dns::{self, Kept};
use super::entry::{Entry, Ports, Target};
use super::host_names::HostNames;
use super::mode::Mode;
use super::resolved::Resolved;
use super::rule::{Action, Rule};
use crate::settings::NetworkSettings;
use crate::{Error, Result};

/// A network policy that cci itself gives to Incus (mode `open` has none: it takes the host's own network).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    form: Form,
    mode: Mode,
    block_private: bool,
    block_metadata: bool,
    entries: BTreeSet<Entry>,
}

/// How a policy is put in force. Its one text begins with it, so that what an earlier cci made is another policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// One bridge, whose name server told of the host's table, its network and other containers.
    Talkative,
    /// A name server behind that of the containers' bridge.
    Silent,
}

impl Form {
    fn as_str(self) -> &'static str {
        match self {
            Self::Talkative => "1",
            Self::Silent => "2",
        }
    }
}

/// The name of a policy's bridge and of its ACL: `cci-` and eight hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyName(String);

impl PolicyName {
    /// The bridge that containers are on.
    #[must_use]
    pub fn bridge(&self) -> &str {
        &self.0
    }

    /// The bridge whose name server is behind that of the containers' bridge; no container is on it.
    ///
    /// It stands apart because a change of a network's DNS sets the whole network up again, and for that moment no
    /// rule of it is in force.
    #[must_use]
    pub fn names_bridge(&self) -> String {
        format!("{}-d", self.0)
    }

    /// A number that spreads policies over the subnets there are.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.0.get(4..).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or_default()
    }

    /// Reads back the name of a bridge of ours, of either kind.
    #[must_use]
    pub fn parse(bridge: &str) -> Option<Self> {
        let name = bridge.strip_suffix("-d").unwrap_or(bridge);
        let digits = name.strip_prefix("cci-")?;
        let ours = digits.len() == 8 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        ours.then(|| Self(name.to_owned()))
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Policy {
    /// The policy of these settings; `None` for mode `open`. An entry that cannot be enforced is an error.
    pub fn new(settings: &NetworkSettings) -> Result<Option<Self>> {
        let entries = match settings.mode {
            Mode::Open => return Ok(None),
            Mode::Restricted => BTreeSet::new(),
            Mode::Allowlist => entries(&settings.allowed_domains)?,
        };
        let listed = settings.mode == Mode::Allowlist;
        Ok(Some(Self {
            form: Form::Silent,
            mode: settings.mode,
            block_private: listed || settings.block_private_networks && !settings.allow_local_network_access,
            block_metadata: listed || settings.block_metadata_endpoint,
            entries,
        }))
    }

    /// Its mode.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The names that have to be looked up.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter_map(|entry| match &entry.target {
            Target::Name(name) => Some(name.as_str()),
            Target::Block(_) => None,
        })
    }

    /// Whether the names that its containers may know are listed.
    #[must_use]
    pub fn has_names(&self) -> bool {
        self.mode == Mode::Allowlist
    }

    /// Whether its name server asks those of the host.
    #[must_use]
    pub fn asks_the_host(&self) -> bool {
        self.mode == Mode::Restricted && self.form == Form::Silent
    }

    /// The lines for the name server behind that of the containers' bridge; `None` if there is nothing to ask it.
    #[must_use]
    pub fn answers(&self, resolved: &Resolved, host: &HostNames) -> Option<String> {
        let asks = self.asks_the_host() || self.names().next().is_some();
        asks.then(|| match self.mode {
            // a short life for answers: a name that moves is asked for again
            Mode::Allowlist => resolved.dnsmasq() + "local-ttl=30\n",
            Mode::Restricted | Mode::Open => self.with_kept(|kept| dns::public(kept, host)),
        })
    }

    /// Whether its name server has no answer for a name, whatever the host's name servers know of it.
    #[must_use]
    pub fn withholds(&self, host: &HostNames, name: &str) -> bool {
        self.asks_the_host() && self.with_kept(|kept| dns::withholds(kept, host, name))
    }

    fn with_kept<T>(&self, use_it: impl FnOnce(Kept<'_>) -> T) -> T {
        let refused = self.rules(&Resolved::default(), &BTreeSet::new());
        let refused = refused.into_iter().filter(|rule| rule.action == Action::Reject);
        let blocks: Vec<Block> = refused.flat_map(|rule| rule.to).collect();
        use_it(Kept { blocks: &blocks, local: self.block_private, metadata: self.block_metadata })
    }

    /// The one text of this policy: equal policies have equal texts, whatever order they were written in.
    #[must_use]
    pub fn canonical(&self) -> String {
        let entries: Vec<String> = self.entries.iter().map(Entry::to_string).collect();
        let Self { form, mode, block_private, block_metadata, .. } = self;
        let form = form.as_str();
        format!("{form} {mode} private={block_private} metadata={block_metadata} allow={}", entries.join(" "))
    }

    /// Reads a policy back from its one text.
    #[must_use]
    pub fn from_canonical(text: &str) -> Option<Self> {
        let (head, allowed) = text.split_once(" allow=")?;
        let [form, mode, private, metadata] = head.split(' ').collect::<Vec<_>>().try_into().ok()?;
        Some(Self {
            form: [Form::Talkative, Form::Silent].into_iter().find(|known| known.as_str() == form)?,
            mode: mode.parse().ok()?,
            block_private: private.strip_prefix("private=")?.parse().ok()?,
            block_metadata: metadata.strip_prefix("metadata=")?.parse().ok()?,
            entries: allowed.split_whitespace().map(|entry| entry.parse().ok()).collect::<Option<_>>()?,
        })
    }

    /// The name that equal policies share.
    #[must_use]
    pub fn name(&self) -> PolicyName {
        let hash = Sha256::digest(self.canonical());
        PolicyName(format!("cci-{:02x}{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2], hash[3]))
    }

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
                Target::Name(name) => blocks.extend(resolved.addresses(name).map(Block::from)),
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

fn entries(domains: &[String]) -> Result<BTreeSet<Entry>> {
    let read = |raw: &String| {
        raw.parse().map_err(|error: super::entry::EntryError| Error::Config { problem: error.to_string(), hint: None })
    };
    domains.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Flow, Protocol, Verdict};
    use proptest::prelude::*;

    fn allowlist(domains: &[&str]) -> Policy {
        let allowed_domains = domains.iter().map(|domain| (*domain).to_owned()).collect();
        let settings = NetworkSettings { mode: Mode::Allowlist, allowed_domains, ..NetworkSettings::default() };
        Policy::new(&settings).unwrap().unwrap()
    }

    fn restricted() -> Policy {
        Policy::new(&NetworkSettings { mode: Mode::Restricted, ..NetworkSettings::default() }).unwrap().unwrap()
    }

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

    #[test]
    fn open_is_the_hosts_own_network() {
        let settings = NetworkSettings { mode: Mode::Open, ..NetworkSettings::default() };
        assert_eq!(Policy::new(&settings).unwrap(), None);
    }

    #[test]
    fn a_name_fits_the_kernel_and_parses_back() {
        let name = restricted().name();
        assert!(name.names_bridge().len() <= 15, "{name}");
        assert_eq!(PolicyName::parse(name.bridge()), Some(name.clone()));
        assert_eq!(PolicyName::parse(&name.names_bridge()), Some(name));
        for other in ["incusbr0", "cci-", "cci-9c09f80", "cci-9C09F805", "cci-net-1", "cci-9c09f805-1"] {
            assert_eq!(PolicyName::parse(other), None, "{other}");
        }
    }

    #[test]
    fn what_an_earlier_cci_made_is_another_policy_that_is_still_read() {
        let text = restricted().canonical();
        let earlier = Policy::from_canonical(&text.replacen('2', "1", 1)).unwrap();
        assert_ne!(earlier.name(), restricted().name());
        assert_eq!(earlier.answers(&Resolved::default(), &HostNames::default()), None);
        assert_eq!(Policy::from_canonical(&text.replacen('2', "3", 1)), None);
    }

    #[test]
    fn no_answer_is_an_address_that_the_rules_refuse() {
        for (block_private_networks, block_metadata_endpoint) in [(true, true), (false, true), (true, false)] {
            let settings =
                NetworkSettings { block_private_networks, block_metadata_endpoint, ..NetworkSettings::default() };
            let policy = Policy::new(&settings).unwrap().unwrap();
            let answers = policy.answers(&Resolved::default(), &HostNames::default()).unwrap();
            for rule in &policy.rules(&Resolved::default(), &BTreeSet::new()) {
                let refused = rule.action == Action::Reject;
                for block in &rule.to {
                    assert_eq!(answers.contains(&format!("bogus-nxdomain={block}\n")), refused, "{block}");
                }
            }
            assert_eq!(answers.contains("local=/lan/\n"), block_private_networks);
            assert_eq!(answers.contains("server=/metadata.google.internal/#\n"), !block_metadata_endpoint);
        }
    }

    #[test]
    fn a_setting_that_matters_makes_another_policy() {
        let restricted_mode = NetworkSettings { mode: Mode::Restricted, ..NetworkSettings::default() };
        let relaxed = NetworkSettings { block_metadata_endpoint: false, ..restricted_mode.clone() };
        let relaxed = Policy::new(&relaxed).unwrap().unwrap();
        assert_ne!(relaxed.name(), restricted().name());
        let refresh = NetworkSettings { refresh_interval_minutes: 5, ..restricted_mode };
        assert_eq!(Policy::new(&refresh).unwrap().unwrap().name(), restricted().name());
    }

    fn domain() -> impl Strategy<Value = String> {
        let host = prop_oneof![
            "[a-z]{1,8}\\.example".prop_map(String::from),
            (11u8..99, any::<u8>(), any::<u8>()).prop_map(|(a, b, c)| format!("{a}.{b}.{c}.7")),
            (11u8..99, any::<u8>(), 9u8..=24).prop_map(|(a, b, p)| format!("{a}.{b}.0.0/{p}")),
        ];
        let ports = prop_oneof![Just(String::new()), (1u16..=65535).prop_map(|port| format!(":{port}"))];
        (host, ports).prop_map(|(host, ports)| host + &ports)
    }

    proptest! {
        #[test]
        fn the_order_of_the_list_changes_nothing(
            (domains, shuffled) in prop::collection::vec(domain(), 1..12)
                .prop_flat_map(|domains| (Just(domains.clone()), Just(domains).prop_shuffle())),
        ) {
            let read = |domains: &[String]| allowlist(&domains.iter().map(String::as_str).collect::<Vec<_>>());
            let (a, b) = (read(&domains), read(&shuffled));
            prop_assert_eq!(a.name(), b.name());
            prop_assert_eq!(Policy::from_canonical(&a.canonical()), Some(b.clone()));
            let rules = |policy: &Policy| policy.rules(&Resolved::default(), &BTreeSet::new());
            prop_assert_eq!(rules(&a), rules(&b));
        }

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
