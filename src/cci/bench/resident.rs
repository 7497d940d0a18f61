//! The memory of a process.

use std::path::PathBuf;

use cci_core::{Error, Result};

/// How much of it is in memory, the pages of its program included; the process by its number, or `self`.
pub(super) fn mib(process: &str) -> Result<f64> {
    let path = PathBuf::from(format!("/proc/{process}/smaps_rollup"));
    let text = std::fs::read_to_string(&path).map_err(|source| Error::Host { step: "read", path, source })?;
    let kib = text.lines().find_map(|line| line.strip_prefix("Rss:")?.split_whitespace().next()?.parse::<f64>().ok());
    Ok(kib.unwrap_or_default() / 1024.0)
}
