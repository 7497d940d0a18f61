//! What the name server of a policy answers: no name that leads to an address which the rules refuse.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::beside::door;
use super::{Form, Policy};
use crate::network::dns::{self, Kept};
use crate::network::entry::Target;
use crate::network::host_name::HostName;
use crate::network::host_names::HostNames;
use crate::network::mode::Mode;
use crate::network::resolved::Resolved;
use crate::network::service::Service;

impl Policy {
    /// Whether its name server asks those of the host.
    #[must_use]
    pub fn asks_the_host(&self) -> bool {
        match self.mode {
            Mode::Learn => true,
            Mode::Restricted => self.form == Form::Silent,
            Mode::None | Mode::Allowlist | Mode::Open => false,
        }
    }

    /// Whether its containers do not hear what only the local network knows: neither by its name server, nor by what becomes
    /// of their connections.
    #[must_use]
    pub fn withholds_local(&self) -> bool {
        self.asks_the_host() && self.block_private
    }

    /// The lines for the name server behind that of the containers' bridge, which is at `gateway` once it exists; `None` if
    /// there is nothing to ask it.
    #[must_use]
    pub fn answers(&self, resolved: &Resolved, host: &HostNames, gateway: Option<Ipv4Addr>) -> Option<String> {
        let listed = self.names().chain(self.wildcards()).next().is_some() || !self.services.is_empty();
        let asks = self.asks_the_host() || listed;
        asks.then(|| match self.mode {
            // a short life for answers: a name that moves is asked for again
            Mode::Allowlist => resolved.dnsmasq() + &self.stand_ins(resolved) + "local-ttl=30\n",
            Mode::None | Mode::Learn | Mode::Restricted | Mode::Open => self.with_kept(|kept| dns::public(kept, host, self.resolver)),
        } + &self.service_records(gateway))
    }

    /// The names of which everything below is listed.
    fn wildcards(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter_map(|entry| match &entry.target {
            Target::Below(name) => Some(name.as_str()),
            Target::Name(_) | Target::Block(_) => None,
        })
    }

    /// Each service has its address, and nothing else that anybody else would know of its name.
    fn service_records(&self, gateway: Option<Ipv4Addr>) -> String {
        let record = |service: &Service| {
            let (name, address) = (service.name(), service.address(gateway)?);
            Some(format!("host-record={name},{address}\nlocal=/{name}/\n"))
        };
        self.services().filter_map(record).collect()
    }

    /// What is below a wildcard is answered without being looked up: that is done for each connection. So is a name that
    /// only a proxy may know.
    fn stand_ins(&self, resolved: &Resolved) -> String {
        let is_the_proxys = |name: &HostName| {
            let is_known = resolved.addresses(name.as_str()).next().is_some() || self.service(name.as_str()).is_some();
            self.proxied && !is_known
        };
        let stands = |target: &&Target| match target {
            Target::Below(_) => true,
            Target::Name(name) => is_the_proxys(name),
            Target::Block(_) => false,
        };
        // ports that are not judged by name lead nowhere without an address
        let targets: BTreeSet<&Target> = self.by_name().map(|entry| &entry.target).collect();
        targets.into_iter().filter(stands).map(door).collect()
    }

    /// Whether its name server has no answer for a name, whatever the host's name servers know of it.
    #[must_use]
    pub fn withholds(&self, host: &HostNames, name: &str) -> bool {
        self.asks_the_host() && self.with_kept(|kept| dns::withholds(kept, host, name))
    }

    fn with_kept<T>(&self, use_it: impl FnOnce(Kept<'_>) -> T) -> T {
        use_it(Kept { blocks: &self.refused(), local: self.block_private, metadata: self.block_metadata })
    }
}

#[cfg(test)]
mod tests {
    use super::super::STAND_IN;
    use super::*;
    use crate::network::block::Block;
    use crate::network::policy::tests::{allowlist, keeper};
    use crate::network::rule::Action;
    use crate::settings::NetworkSettings;

    #[test]
    fn what_is_below_a_wildcard_leads_to_a_door() {
        let answers = |domains: &[&str]| allowlist(domains).answers(&Resolved::default(), &HostNames::default(), None);
        let wild = answers(&["*.example.com:443", "198.51.100.1"]).unwrap();
        assert!(wild.contains("address=/#/\naddress=/*.example.com/192.88.99.7\nlocal=/*.example.com/\n"), "{wild}");
        assert!(!answers(&["a.example.com"]).unwrap().contains("192.88.99.7"));
        assert_eq!(answers(&["198.51.100.1"]), None);
        for (port, _) in crate::network::DOORS {
            let beside = allowlist(&["*.example.com"]).beside_door(port, None);
            assert!(!beside.iter().any(|block| block.contains(STAND_IN)));
        }
    }

    #[test]
    fn no_answer_is_an_address_that_the_rules_refuse() {
        for (block_private_networks, block_metadata_endpoint) in [(true, true), (false, true), (true, false)] {
            let settings =
                NetworkSettings { block_private_networks, block_metadata_endpoint, ..NetworkSettings::default() };
            let policy = Policy::new(&settings, &keeper()).unwrap().unwrap();
            let answers = policy.answers(&Resolved::default(), &HostNames::default(), None).unwrap();
            for rule in &policy.rules(&Resolved::default(), &BTreeSet::new(), None) {
                let refused = rule.action == Action::Reject;
                let lines = answers.lines().filter_map(|line| line.strip_prefix("bogus-nxdomain="));
                let withheld: Vec<Block> = lines.filter_map(|block| block.parse().ok()).collect();
                for block in &rule.to {
                    assert_eq!(withheld.iter().any(|withheld| withheld.covers(*block)), refused, "{block}");
                }
            }
            assert_eq!(answers.contains("local=/lan/\n"), block_private_networks);
            assert_eq!(answers.contains("server=/metadata.google.internal/#\n"), !block_metadata_endpoint);
        }
    }
}
