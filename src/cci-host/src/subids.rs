//! root's lines in the host's tables of subordinate ids.

use std::path::Path;

use cci_core::Result;
use cci_core::idmap::{IdmapMode, SUBGID, SUBUID, SubRange, root_ranges};

use super::system_file;

/// root's ranges in both.
#[derive(Debug, Default)]
pub struct OfRoot {
    /// Its subordinate user ids.
    pub subuid: Vec<SubRange>,
    /// Its subordinate group ids.
    pub subgid: Vec<SubRange>,
}

/// root's ranges, if the mapping needs them. A missing table is empty; an unreadable one is an error.
pub fn of_root(mode: IdmapMode) -> Result<OfRoot> {
    match mode {
        IdmapMode::Raw => Ok(OfRoot { subuid: ranges(SUBUID)?, subgid: ranges(SUBGID)? }),
        IdmapMode::Shift | IdmapMode::None => Ok(OfRoot::default()),
    }
}

fn ranges(table: &str) -> Result<Vec<SubRange>> {
    system_file::read(Path::new(table)).map(|content| root_ranges(&content))
}
