//! Where Claude Code keeps its configuration on the host.

use std::path::PathBuf;

use crate::seed::HostPlace;

/// What it notes for itself.
pub(super) const STATE: &str = ".claude.json";

/// The directory that holds its configuration.
pub(super) fn directory(place: &HostPlace) -> PathBuf {
    place.named.clone().unwrap_or_else(|| place.home.join(".claude"))
}

/// What it notes for itself: beside that directory, and in one that its variable names.
pub(super) fn state_file(place: &HostPlace) -> PathBuf {
    place.named.as_ref().unwrap_or(&place.home).join(STATE)
}
