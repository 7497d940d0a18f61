//! The host's tables of subordinate ids, as root's lines in them.

use std::path::Path;

use cci_core::Result;
use cci_core::idmap::{IdmapMode, SubRange, root_ranges};

use super::system_file;

/// The tables of users and of groups.
pub(crate) const SUBUID: &str = "/etc/subuid";
pub(crate) const SUBGID: &str = "/etc/subgid";

/// root's ranges of user ids and of group ids, where the mapping needs them. An absent table is an empty one; one that
/// cannot be read is an error.
pub(crate) fn of_root(mode: IdmapMode) -> Result<(Vec<SubRange>, Vec<SubRange>)> {
    match mode {
        IdmapMode::Raw => Ok((ranges(SUBUID)?, ranges(SUBGID)?)),
        IdmapMode::Shift | IdmapMode::None => Ok((Vec::new(), Vec::new())),
    }
}

fn ranges(table: &str) -> Result<Vec<SubRange>> {
    system_file::read(Path::new(table)).map(|content| root_ranges(&content))
}
