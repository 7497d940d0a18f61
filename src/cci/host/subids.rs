//! The host's tables of subordinate ids, as root's lines in them.

use std::path::Path;

use cci_core::idmap::{SubRange, root_ranges};

/// root's ranges of user ids; an absent table is an empty one.
pub(crate) fn subuid() -> Vec<SubRange> {
    ranges(Path::new("/etc/subuid"))
}

/// root's ranges of group ids.
pub(crate) fn subgid() -> Vec<SubRange> {
    ranges(Path::new("/etc/subgid"))
}

fn ranges(table: &Path) -> Vec<SubRange> {
    std::fs::read_to_string(table).map(|text| root_ranges(&text)).unwrap_or_default()
}
