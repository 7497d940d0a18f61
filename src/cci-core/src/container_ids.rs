//! The host ids of a container's users: a separate range for each container of cci.

use std::collections::BTreeMap;

/// How many ids Incus gives a container by default.
const USUAL: u32 = 65_536;

/// A range of host ids, the first of which is the container's root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostIds {
    /// The first host id.
    pub first: u32,
    /// How many.
    pub count: u32,
}

impl HostIds {
    /// The range of an instance with this configuration; `None` if Incus has not given it one of its own.
    #[must_use]
    pub fn of_instance(config: &BTreeMap<String, String>) -> Option<Self> {
        if config.get("security.idmap.isolated").is_none_or(|isolated| isolated != "true") {
            return None;
        }
        let first = config.get("volatile.idmap.base")?.parse().ok()?;
        let count = config.get("security.idmap.size").map_or(Some(USUAL), |size| size.parse().ok())?;
        Self { first, count }.checked()
    }

    /// Reads a line of the list of ranges.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let (first, count) = line.trim().split_once(' ')?;
        Self { first: first.parse().ok()?, count: count.parse().ok()? }.checked()
    }

    /// A range of container ids contains no user of the host: neither root nor an id that a login can have.
    fn checked(self) -> Option<Self> {
        let ends = self.first.checked_add(self.count).is_some();
        (ends && self.count > 0 && self.first >= USUAL).then_some(self)
    }

    /// Whether a host id is in it.
    #[must_use]
    pub fn contains(self, id: u32) -> bool {
        id >= self.first && id - self.first < self.count
    }

    /// Whether both have an id in common.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other.first) || other.contains(self.first)
    }
}

impl std::fmt::Display for HostIds {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {}", self.first, self.count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn config(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn only_a_range_of_its_own_is_a_containers() {
        let own = config(&[("security.idmap.isolated", "true"), ("volatile.idmap.base", "1131072")]);
        assert_eq!(HostIds::of_instance(&own), Some(HostIds { first: 1_131_072, count: 65_536 }));
        for shared in [
            config(&[("volatile.idmap.base", "1131072")]),
            config(&[("security.idmap.isolated", "true")]),
            config(&[("security.idmap.isolated", "true"), ("volatile.idmap.base", "0")]),
            config(&[("security.idmap.isolated", "true"), ("volatile.idmap.base", "4294967295")]),
        ] {
            assert_eq!(HostIds::of_instance(&shared), None, "{shared:?}");
        }
    }

    #[test]
    fn a_line_that_names_users_of_the_host_is_no_range() {
        for line in ["", "0 65536", "1000 1", "x 65536", "1131072", "1131072 0", "4294967295 2", "65536 -1"] {
            assert_eq!(HostIds::parse(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(first in 65_536u32..2_000_000_000, count in 1u32..200_000, id in any::<u32>()) {
            let ids = HostIds { first, count };
            prop_assert_eq!(HostIds::parse(&ids.to_string()), Some(ids));
            prop_assert_eq!(ids.contains(id), (first..first + count).contains(&id));
        }
    }
}
