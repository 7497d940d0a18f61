//! Where Claude Code keeps its configuration on the host.

use std::path::PathBuf;

use crate::seed::HostPlace;

/// The file in which it keeps its own state.
pub(super) const STATE: &str = ".claude.json";

/// The directory that holds its configuration.
pub(super) fn directory(place: &HostPlace) -> PathBuf {
    place.named.clone().unwrap_or_else(|| place.home.join(".claude"))
}

/// The file with its own state: next to `~/.claude`, but inside a directory that its variable names.
pub(super) fn state_file(place: &HostPlace) -> PathBuf {
    place.named.as_ref().unwrap_or(&place.home).join(STATE)
}
