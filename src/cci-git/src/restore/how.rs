//! How a restore is to go.

use std::ffi::OsStr;
use std::path::Path;

/// How to restore.
#[derive(Debug, Clone, Copy)]
pub struct Restore<'a> {
    /// What these patterns match is not touched; nor is what the snapshot's own patterns match.
    pub ignore: &'a [String],
    /// Files that are larger now are not touched.
    pub max_file: u64,
    /// Where a stat cache is. It is read only.
    pub cache: Option<&'a Path>,
    /// Names at the top of the workspace that are not touched.
    pub except: &'a [&'a OsStr],
    /// What the reflog of each ref says that the restore moves.
    pub reflog: &'a str,
}
