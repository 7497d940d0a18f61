//! What a container may reach by name: which rule lets a name and a port through, or why none does.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use super::dns;
use super::entry::{Entry, Target};
use super::host_name::HostName;
use super::host_names::HostNames;
use super::service::Services;
use super::special::{Addresses, Special};

/// What a container may reach where its requests are judged by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// The names.
    pub names: Names,
    /// The addresses that these may lead to.
    pub addresses: Addresses,
    /// The names that lead to one address each, whatever that is.
    pub services: Services,
    /// What this host and its network alone know, where nothing of it may be told: such a name is as one that there is not,
    /// and so is one that leads where no name may.
    pub withheld: Option<Arc<HostNames>>,
}

impl Reach {
    /// Whether a name is as one that there is not, whatever this host knows of it.
    #[must_use]
    pub fn withholds(&self, name: &HostName) -> bool {
        let is_known_here = self.withheld.as_ref().is_some_and(|host| dns::is_local(host, name));
        is_known_here && !self.services.have(name)
    }

    /// Why a name may not lead to this address; `None` if it may.
    #[must_use]
    pub fn refuse(&self, name: &HostName, address: SocketAddr) -> Option<Special> {
        let is_service = self.services.address(name, address.port()).is_some_and(|service| service == address.ip());
        self.addresses.refuse(address.ip()).filter(|_| !is_service)
    }
}

/// The names that may be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    /// All of them.
    Every,
    /// Those that are listed.
    Listed(Listed),
}

/// The entries of a list, by what they are about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed(BTreeMap<Target, Vec<Entry>>);

/// The rule that let something through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant<'a> {
    /// Every name may be asked for.
    Every,
    /// This entry.
    Entry(&'a Entry),
}

/// Why no rule lets a name and a port through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlisted<'a> {
    /// No entry is about the name.
    Name,
    /// This entry is, and it has other ports.
    Port(&'a Entry),
}

impl Names {
    /// Those of these entries. Entries that are addresses are no rules about names.
    #[must_use]
    pub fn listed(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut listed = Listed::default();
        for entry in entries {
            match entry.target {
                Target::Name(_) | Target::Below(_) => {
                    listed.0.entry(entry.target.clone()).or_default().push(entry);
                }
                Target::Block(_) => {}
            }
        }
        Self::Listed(listed)
    }

    /// The rule that lets this name and port through: the one about the name itself before a wildcard, and of two
    /// wildcards the longer one.
    pub fn judge(&self, name: &HostName, port: u16) -> Result<Grant<'_>, Unlisted<'_>> {
        let Self::Listed(listed) = self else { return Ok(Grant::Every) };
        let mut other_port = Unlisted::Name;
        for entry in listed.about(name) {
            if entry.ports.contains(port) {
                return Ok(Grant::Entry(entry));
            }
            if other_port == Unlisted::Name {
                other_port = Unlisted::Port(entry);
            }
        }
        Err(other_port)
    }

    /// Whether a name may be asked for, on any port.
    #[must_use]
    pub fn knows(&self, name: &HostName) -> bool {
        match self {
            Self::Every => true,
            Self::Listed(listed) => listed.about(name).next().is_some(),
        }
    }
}

impl Default for Names {
    /// None.
    fn default() -> Self {
        Self::Listed(Listed::default())
    }
}

impl Listed {
    /// The entries about a name, the most exact first.
    fn about<'a>(&'a self, name: &HostName) -> impl Iterator<Item = &'a Entry> {
        let wildcards = name.above().filter(move |above| name.is_below(above)).map(Target::Below);
        let targets = std::iter::once(Target::Name(name.clone())).chain(wildcards);
        targets.filter_map(move |target| self.0.get(&target)).flatten()
    }
}

impl fmt::Display for Grant<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every => out.write_str("every name"),
            Self::Entry(entry) => entry.fmt(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(entries: &[&str]) -> Names {
        Names::listed(entries.iter().map(|entry| entry.parse().unwrap()))
    }

    fn judged(names: &Names, name: &str, port: u16) -> String {
        match names.judge(&HostName::typed(name).unwrap(), port) {
            Ok(grant) => grant.to_string(),
            Err(Unlisted::Name) => "-".to_owned(),
            Err(Unlisted::Port(entry)) => format!("not {entry}"),
        }
    }

    #[test]
    fn the_rule_that_decided_is_the_answer() {
        let names =
            names(&["a.example.com:443", "*.example.com:80", "*.b.example.com:8000-8100", "198.51.100.1", "c.example"]);
        for (name, port, rule) in [
            ("a.example.com", 443, "a.example.com:443"),
            ("a.example.com", 80, "*.example.com:80"),
            ("a.example.com", 22, "not a.example.com:443"),
            ("x.b.example.com", 8001, "*.b.example.com:8000-8100"),
            ("x.b.example.com", 80, "*.example.com:80"),
            ("x.b.example.com", 443, "not *.b.example.com:8000-8100"),
            ("example.com", 80, "-"),
            ("a.example.com.evil.net", 443, "-"),
            ("aexample.com", 80, "-"),
            ("C.example.", 22, "c.example"),
            ("d.example", 443, "-"),
        ] {
            assert_eq!(judged(&names, name, port), rule, "{name}:{port}");
        }
        assert_eq!(judged(&Names::Every, "d.example", 443), "every name");
        assert_eq!(judged(&Names::default(), "d.example", 443), "-");
    }

    #[test]
    fn a_wildcard_ends_where_others_register_names() {
        let names = names(&["*.amazonaws.com"]);
        assert_eq!(judged(&names, "sts.amazonaws.com", 443), "*.amazonaws.com");
        assert_eq!(judged(&names, "bucket.s3.amazonaws.com", 443), "-");
    }

    #[test]
    fn two_entries_of_one_name_add_up() {
        let names = names(&["a.example:80", "a.example:443"]);
        assert_eq!(judged(&names, "a.example", 443), "a.example:443");
        assert_eq!(judged(&names, "a.example", 80), "a.example:80");
    }

    #[test]
    fn a_known_name_is_known_on_any_port() {
        let names = names(&["a.example:80", "*.example.com"]);
        let knows = |name: &str| names.knows(&HostName::typed(name).unwrap());
        assert!(knows("a.example") && knows("x.example.com"));
        assert!(!knows("b.example") && !knows("example.com"));
    }

    proptest! {
        #[test]
        fn one_entry_more_never_takes_anything_away(
            list in prop::collection::vec("(\\*\\.)?[ab]\\.[ab]\\.example\\.com(:(80|443))?", 0..6),
            more in "(\\*\\.)?[ab]\\.example\\.com(:(80|443))?",
            name in "([ab]\\.){0,3}example\\.com",
            port in prop::sample::select(vec![80u16, 443, 22]),
        ) {
            let name = HostName::typed(&name).unwrap();
            let read = |list: &[String]| Names::listed(list.iter().map(|entry| entry.parse().unwrap()));
            let (fewer, all) = (read(&list), read(&[&list[..], &[more]].concat()));
            if fewer.judge(&name, port).is_ok() {
                prop_assert!(all.judge(&name, port).is_ok());
            }
            prop_assert!(all.judge(&name, port).is_err() || all.knows(&name));
        }
    }
}
