//! What of the host a project would get besides its own files: `[workspace]` and `[ssh]`.

use super::super::ssh::SshSettings;
use super::super::workspace::WorkspaceSettings;
use super::beside;
use super::found::Found;

pub(super) fn of_workspace(found: &mut Found, trusted: &WorkspaceSettings, changed: &WorkspaceSettings) {
    let WorkspaceSettings { outside_links, same_path, dotenv, share_history } = changed;
    let more = *outside_links > trusted.outside_links;
    let reason = "the container would reach more of what is outside the workspace";
    found.when(more, "workspace.outside_links", outside_links, reason);
    // its host path can be one where programs next to the credentials are looked up
    found.when(*same_path && !trusted.same_path, "workspace.same_path", same_path, beside::LOOKED_UP);
    found.when(*dotenv && !trusted.dotenv, "workspace.dotenv", dotenv, beside::TELLS);
    let reason = "the container would have conversations of the host, and the host's agent those of the container";
    found.when(*share_history && !trusted.share_history, "workspace.share_history", share_history, reason);
}

pub(super) fn of_ssh(found: &mut Found, trusted: SshSettings, changed: SshSettings) {
    let SshSettings { agent } = changed;
    let reason = "the container could sign with the user's SSH keys";
    found.when(agent && !trusted.agent, "ssh.agent", &agent, reason);
}
