//! The addresses that names last had, one file a policy under `~/.cci/network-cache`.

use std::path::{Path, PathBuf};

use cci_core::Result;
use cci_core::network::{PolicyName, Resolved};

use super::put;

fn path(cci_dir: &Path, policy: &PolicyName) -> PathBuf {
    cci_dir.join("network-cache").join(format!("{policy}.json"))
}

/// What was last known; a file that is not there or cannot be read is no knowledge.
pub(crate) fn read(cci_dir: &Path, policy: &PolicyName) -> Option<Resolved> {
    serde_json::from_str(&std::fs::read_to_string(path(cci_dir, policy)).ok()?).ok()
}

/// Keeps what is known now.
pub(crate) fn write(cci_dir: &Path, policy: &PolicyName, resolved: &Resolved) -> Result<()> {
    put::shared(&path(cci_dir, policy), serde_json::json!(resolved).to_string().as_bytes())
}
