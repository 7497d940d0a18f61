//! Where Claude Code keeps its configuration on the host.

use std::path::PathBuf;

use crate::seed::HostPlace;

/// The file in which it keeps its own state.
pub(super) const STATE: &str = ".claude.json";

/// The settings, in the agent's directory.
pub(super) const SETTINGS: &str = "settings.json";

/// What is made for a session, and never copied as it is on the host.
pub(super) const MADE: [&str; 3] = [SETTINGS, STATE, ".credentials.json"];
/// What it notes of its workspaces, which never comes along, whoever names it.
pub(super) const NOTED: [&str; 10] = [
    "projects",
    "sessions",
    "history.jsonl",
    "file-history",
    "todos",
    "tasks",
    "plans",
    "shell-snapshots",
    "session-env",
    "backups",
];
/// What else nobody misses in a session: it is made there anew, is of the host alone, or comes in part.
pub(super) const STAYS: [&str; 36] = [
    "settings.json",
    "settings.local.json",
    "plugins",
    "cache",
    "chrome",
    "cowork_plugins",
    "daemon",
    "daemon.json",
    "daemon.log",
    "daemon.scheduled.status.json",
    "daemon.status.json",
    "debug",
    "downloads",
    "dump-prompts",
    "feedback-bundles",
    "gateway-models.json",
    "gh-pr-status-cache.json",
    "ide",
    "image-cache",
    "jobs",
    "local",
    "logs",
    "mcp-discovery-cache",
    "mcp-needs-auth-cache.json",
    "model-capabilities.json",
    "paste-cache",
    "policy-limits.json",
    "remote-settings.json",
    "startup-perf",
    "stats-cache.json",
    "statsig",
    "teams",
    "telemetry",
    "traces",
    "uploads",
    "usage-data",
];

/// The directory that holds its configuration.
pub(super) fn directory(place: &HostPlace) -> PathBuf {
    place.named.clone().unwrap_or_else(|| place.home.join(".claude"))
}

/// The file with its own state: next to `~/.claude`, but inside a directory that its variable names.
pub(super) fn state_file(place: &HostPlace) -> PathBuf {
    place.named.as_ref().unwrap_or(&place.home).join(STATE)
}
