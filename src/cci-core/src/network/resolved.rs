//! The addresses of an allowlist's names, as last looked up on the host.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::block::Block;

/// The addresses of each name. A private address is never kept: a name cannot lead where an address may not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// What a lookup in the container answers.
    pub current: BTreeMap<String, BTreeSet<Ipv4Addr>>,
    /// What it answered before; still let through for containers that asked then.
    #[serde(default)]
    pub earlier: BTreeMap<String, BTreeSet<Ipv4Addr>>,
}

impl Resolved {
    /// A first lookup.
    #[must_use]
    pub fn new(looked_up: BTreeMap<String, BTreeSet<Ipv4Addr>>) -> Self {
        Self { current: public(looked_up), earlier: BTreeMap::new() }
    }

    /// Merges a later lookup. A name that was not found keeps its addresses; one whose new answer is a part of the
    /// known addresses keeps them too, so that a rotating pool is not a change.
    #[must_use]
    pub fn refreshed(&self, looked_up: BTreeMap<String, BTreeSet<Ipv4Addr>>) -> Self {
        let mut next = self.clone();
        for (name, fresh) in public(looked_up) {
            let known = self.current.get(&name).cloned().unwrap_or_default();
            if fresh.is_empty() || fresh.is_subset(&known) {
                continue;
            }
            if !known.is_empty() {
                next.earlier.insert(name.clone(), known);
            }
            next.current.insert(name, fresh);
        }
        next
    }

    /// Every address that a name leads to, now or just before.
    pub fn addresses<'a>(&'a self, name: &str) -> impl Iterator<Item = Ipv4Addr> + use<'a> {
        let of = |map: &'a BTreeMap<String, BTreeSet<Ipv4Addr>>| map.get(name).into_iter().flatten().copied();
        of(&self.current).chain(of(&self.earlier))
    }

    /// The lines that make dnsmasq know these names and no other.
    #[must_use]
    pub fn dnsmasq(&self) -> String {
        let names = self.current.iter();
        let pairs = names.flat_map(|(name, addresses)| addresses.iter().map(move |address| (name, address)));
        let records = pairs.map(|(name, address)| format!("host-record={name},{address}\n"));
        "no-resolv\nno-hosts\naddress=/#/\n".to_owned() + &records.collect::<String>()
    }
}

fn public(looked_up: BTreeMap<String, BTreeSet<Ipv4Addr>>) -> BTreeMap<String, BTreeSet<Ipv4Addr>> {
    let keep = |address: &Ipv4Addr| !Block::from(*address).is_never_public();
    looked_up.into_iter().map(|(name, addresses)| (name, addresses.into_iter().filter(keep).collect())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(pairs: &[(&str, &[&str])]) -> BTreeMap<String, BTreeSet<Ipv4Addr>> {
        pairs
            .iter()
            .map(|(name, addresses)| ((*name).to_owned(), addresses.iter().map(|a| a.parse().unwrap()).collect()))
            .collect()
    }

    #[test]
    fn a_name_that_resolves_to_a_private_address_has_none() {
        let resolved = Resolved::new(lookup(&[("a.example", &["10.0.0.1", "198.51.100.1", "169.254.169.254"])]));
        assert_eq!(resolved.addresses("a.example").collect::<Vec<_>>(), ["198.51.100.1".parse::<Ipv4Addr>().unwrap()]);
        assert!(!resolved.dnsmasq().contains("10.0.0.1"));
    }

    #[test]
    fn a_failed_lookup_keeps_what_is_known() {
        let resolved = Resolved::new(lookup(&[("a.example", &["198.51.100.1"])]));
        assert_eq!(resolved.refreshed(lookup(&[])), resolved);
        assert_eq!(resolved.refreshed(lookup(&[("a.example", &[])])), resolved);
        assert_eq!(resolved.refreshed(lookup(&[("a.example", &["192.168.1.1"])])), resolved);
    }

    #[test]
    fn a_new_address_is_answered_and_the_old_one_still_let_through() {
        let first = Resolved::new(lookup(&[("a.example", &["198.51.100.1"])]));
        let second = first.refreshed(lookup(&[("a.example", &["198.51.100.2"])]));
        assert!(second.dnsmasq().contains("host-record=a.example,198.51.100.2\n"));
        assert!(!second.dnsmasq().contains("198.51.100.1\n"));
        assert_eq!(second.addresses("a.example").count(), 2);
    }

    #[test]
    fn part_of_a_known_pool_is_no_change() {
        let pool = Resolved::new(lookup(&[("a.example", &["198.51.100.1", "198.51.100.2"])]));
        assert_eq!(pool.refreshed(lookup(&[("a.example", &["198.51.100.2"])])), pool);
    }

    #[test]
    fn dnsmasq_answers_nothing_else() {
        assert_eq!(Resolved::default().dnsmasq(), "no-resolv\nno-hosts\naddress=/#/\n");
    }
}
