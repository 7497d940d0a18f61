//! What a file that is not trusted would loosen. The settings are taken apart field by field, so that a new key without
//! a decision here does not compile.

mod beside;
mod found;
mod harmless;
mod places;

use std::path::Path;

pub use beside::credentials_inside;
pub use found::Loosening;

use self::found::Found;
use super::checkpoints::{Auto, CheckpointSettings};
use super::git::GitSettings;
use super::login::LoginSettings;
use super::model::{
    AGENT_CONFIG, AGENT_UID, BuildSettings, Defaults, IncusSettings, Limits, MountEntry, Mounts, NetworkSettings,
    Paths, Settings, TerminalSettings, ToolSettings, Variable,
};
use super::size::{Size, cores, number};
use super::worktree::WorktreeSettings;
use crate::network::ServiceEntry;

/// What the decision depends on besides the settings.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Whether credentials of the user are in the container: see [`credentials_inside`].
    pub credentials: bool,
    /// Whether a host path, with all links resolved, is in the workspace.
    pub inside: &'a dyn Fn(&Path) -> bool,
}

/// Every key in which `changed` is looser than `trusted`.
#[must_use]
pub fn loosenings(trusted: &Settings, changed: &Settings, around: &Surroundings<'_>) -> Vec<Loosening> {
    let Settings {
        defaults,
        tool,
        terminal,
        paths,
        incus,
        network,
        limits,
        checkpoints,
        git,
        worktree,
        login,
        workspace,
        ssh,
        build,
        mounts,
        profile: _,
    } = changed;
    let mut found = Found(Vec::new());
    of_defaults(&mut found, &trusted.defaults, defaults, around);
    of_tool(&mut found, &trusted.tool, tool, around);
    of_terminal(&mut found, trusted.terminal, *terminal);
    of_paths(&mut found, &trusted.paths, paths);
    of_incus(&mut found, &trusted.incus, incus);
    of_network(&mut found, &trusted.network, network);
    of_limits(&mut found, &trusted.limits, limits);
    of_checkpoints(&mut found, &trusted.checkpoints, checkpoints);
    of_git(&mut found, trusted.git, *git);
    of_worktree(&mut found, &trusted.worktree, worktree);
    of_login(&mut found, &trusted.login, login);
    places::of_workspace(&mut found, &trusted.workspace, workspace);
    places::of_ssh(&mut found, trusted.ssh, *ssh);
    of_build(&mut found, &trusted.build, build);
    of_mounts(&mut found, trusted, mounts, around);
    found.0
}

fn of_defaults(found: &mut Found, trusted: &Defaults, changed: &Defaults, around: &Surroundings<'_>) {
    // persistent, model: the project's own choice. A model is one argument of the agent and never a flag
    let Defaults {
        image,
        persistent: _,
        model: _,
        agent_config,
        settings_secrets,
        environment,
        forward,
        docker,
        boundary,
    } = changed;
    let other_image = around.credentials && *image != trusted.image;
    found.when(other_image, "defaults.image", image, beside::CODE);
    let credentials = *agent_config && !trusted.agent_config;
    let reason = "it would hand the host's credentials to the container";
    found.when(credentials, AGENT_CONFIG, agent_config, reason);
    let secrets = *settings_secrets > trusted.settings_secrets;
    found.when(secrets, "defaults.settings_secrets", settings_secrets, reason);
    let further = forward.iter().any(|entry| !trusted.forward.contains(entry));
    let reason = "it would hand variables of the host to the container";
    found.when(further, "defaults.forward", forward, reason);
    found.when(*docker && !trusted.docker, "defaults.docker", docker, "it would let the container nest others");
    let outside = *boundary > trusted.boundary;
    found.when(outside, "defaults.boundary", boundary, "the agent would call the host's kernel itself");
    for (name, value) in environment.iter().filter(|(name, value)| trusted.environment.get(*name) != Some(*value)) {
        let key = format!("defaults.environment.{name}");
        match value {
            Variable::Command { .. } => found.when(true, key, value, "it would run a command on the host"),
            Variable::Text(text) => {
                let telling = around.credentials && !harmless::is_harmless(name, text);
                found.when(telling, key, value, beside::TELLS);
            }
        }
    }
}

fn of_tool(found: &mut Found, trusted: &ToolSettings, changed: &ToolSettings, around: &Surroundings<'_>) {
    let ToolSettings { name, binary, args, import } = changed;
    found.when(around.credentials && *name != trusted.name, "tool.name", name, beside::CODE);
    let other = *binary != trusted.binary;
    let outside = binary.as_deref().is_some_and(|binary| !is_in_image_or_workspace(binary));
    if around.credentials {
        found.when(other, "tool.binary", binary, beside::CODE);
    } else {
        let reason = "it is neither a plain name nor a program in /workspace";
        found.when(other && outside, "tool.binary", binary, reason);
    }
    found.when(around.credentials && *args != trusted.args, "tool.args", args, beside::CODE);
    let reason = "it would hand more of the host's configuration to the container";
    found.when(!import.is_within(&trusted.import), "tool.import", import, reason);
}

fn of_terminal(found: &mut Found, trusted: TerminalSettings, changed: TerminalSettings) {
    const REASON: &str = "it would let programs in the container control your terminal";
    let TerminalSettings { clipboard, passthrough } = changed;
    found.when(clipboard && !trusted.clipboard, "terminal.clipboard", &clipboard, REASON);
    found.when(passthrough && !trusted.passthrough, "terminal.passthrough", &passthrough, REASON);
}

fn is_in_image_or_workspace(binary: &str) -> bool {
    match binary.strip_prefix("/workspace/") {
        Some(rest) => !rest.split('/').any(|part| part == ".."),
        None => !binary.contains('/'),
    }
}

fn of_paths(found: &mut Found, trusted: &Paths, changed: &Paths) {
    const REASON: &str = "it would read or write elsewhere on the host";
    let Paths { sessions_dir, storage_dir, logs_dir } = changed;
    found.when(*sessions_dir != trusted.sessions_dir, "paths.sessions_dir", sessions_dir, REASON);
    found.when(*storage_dir != trusted.storage_dir, "paths.storage_dir", storage_dir, REASON);
    found.when(*logs_dir != trusted.logs_dir, "paths.logs_dir", logs_dir, REASON);
}

fn of_incus(found: &mut Found, trusted: &IncusSettings, changed: &IncusSettings) {
    const REASON: &str = "it would use Incus differently from the user";
    let IncusSettings { socket, project, group, agent_uid, storage_pool, idmap } = changed;
    found.when(*socket != trusted.socket, "incus.socket", socket, REASON);
    found.when(*project != trusted.project, "incus.project", project, REASON);
    found.when(*group != trusted.group, "incus.group", group, REASON);
    found.when(*agent_uid != trusted.agent_uid, AGENT_UID, agent_uid, REASON);
    found.when(*storage_pool != trusted.storage_pool, "incus.storage_pool", storage_pool, REASON);
    found.when(*idmap != trusted.idmap, "incus.idmap", idmap, REASON);
}

fn of_network(found: &mut Found, trusted: &NetworkSettings, changed: &NetworkSettings) {
    const REASON: &str = "the container would reach more than the user allows";
    let NetworkSettings {
        mode,
        allowed_domains,
        // a name that is looked up less often reaches no more than it did
        refresh_interval_minutes: _,
        block_private_networks,
        block_metadata_endpoint,
        allow_local_network_access,
        ask,
        hosts,
        proxy,
        resolver,
    } = changed;
    found.when(*mode > trusted.mode, "network.mode", mode, REASON);
    let further = allowed_domains.iter().any(|domain| !trusted.allowed_domains.contains(domain));
    found.when(further, "network.allowed_domains", allowed_domains, REASON);
    let private = !block_private_networks && trusted.block_private_networks;
    found.when(private, "network.block_private_networks", block_private_networks, REASON);
    let metadata = !block_metadata_endpoint && trusted.block_metadata_endpoint;
    found.when(metadata, "network.block_metadata_endpoint", block_metadata_endpoint, REASON);
    let local = *allow_local_network_access && !trusted.allow_local_network_access;
    found.when(local, "network.allow_local_network_access", allow_local_network_access, REASON);
    let further = hosts.iter().any(|host| !trusted.hosts.iter().any(|own| is_within(host, own)));
    found.when(further, "network.hosts", hosts, REASON);
    let reason = "connections would go out another way than the user's";
    found.when(*proxy != trusted.proxy, "network.proxy", proxy, reason);
    let reason = "whoever answers there could lead names elsewhere";
    found.when(*resolver != trusted.resolver, "network.resolver", resolver, reason);
    found.when(*ask && !trusted.ask, "network.ask", ask, "whatever runs in the container could ask for more");
}

/// Whether a service is another one, with some of its ports at most.
fn is_within(host: &ServiceEntry, own: &ServiceEntry) -> bool {
    let ServiceEntry { name, address, ports } = host;
    *name == own.name && *address == own.address && ports.iter().all(|port| own.ports.contains(port))
}

fn of_limits(found: &mut Found, trusted: &Limits, changed: &Limits) {
    const REASON: &str = "the container could use up more of the host than the user allows";
    let Limits { cpu, memory, processes, disk } = changed;
    found.when(is_more(trusted.cpu.as_deref(), cpu.as_deref(), is_fewer_cores), "limits.cpu", cpu, REASON);
    found.when(is_more(trusted.memory.as_deref(), memory.as_deref(), is_smaller), "limits.memory", memory, REASON);
    found.when(
        is_more(trusted.processes.as_deref(), processes.as_deref(), is_fewer),
        "limits.processes",
        processes,
        REASON,
    );
    found.when(is_more(trusted.disk.as_deref(), disk.as_deref(), is_smaller), "limits.disk", disk, REASON);
}

/// No limit is the most; what cannot be compared counts as more.
fn is_more(trusted: Option<&str>, changed: Option<&str>, is_at_most: fn(&str, &str) -> bool) -> bool {
    match (trusted, changed) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(trusted), Some(changed)) => trusted != changed && !is_at_most(changed, trusted),
    }
}

fn is_smaller(a: &str, b: &str) -> bool {
    Size::parse(a).zip(Size::parse(b)).is_some_and(|(a, b)| a.is_at_most(b))
}

fn is_fewer(a: &str, b: &str) -> bool {
    number(a).ok().zip(number(b).ok()).is_some_and(|(a, b)| a <= b)
}

/// A number of cores may shrink; a set of them (which pins) stays the user's, because it may name cores reserved for
/// others.
fn is_fewer_cores(a: &str, b: &str) -> bool {
    number(a).is_ok() && cores(a).zip(cores(b)).is_some_and(|(a, b)| a <= b) && number(b).is_ok()
}

fn of_checkpoints(found: &mut Found, trusted: &CheckpointSettings, changed: &CheckpointSettings) {
    const REASON: &str = "less could be brought back than the user wants";
    // more of them, by time, takes nothing away
    let CheckpointSettings { auto, interval_minutes: _, ignore, max_file, keep, keep_for, agent_may_rewind } = changed;
    found.when(*auto == Auto::Off && trusted.auto != Auto::Off, "checkpoints.auto", auto, REASON);
    let further = ignore.iter().any(|pattern| !trusted.ignore.contains(pattern));
    found.when(further, "checkpoints.ignore", ignore, REASON);
    found.when(changed.max_file_bytes() < trusted.max_file_bytes(), "checkpoints.max_file", max_file, REASON);
    found.when(*keep < trusted.keep, "checkpoints.keep", keep, REASON);
    found.when(changed.keep_for_seconds() < trusted.keep_for_seconds(), "checkpoints.keep_for", keep_for, REASON);
    let rewinds = *agent_may_rewind && !trusted.agent_may_rewind;
    let reason = "it would let the agent rewind the workspace";
    found.when(rewinds, "checkpoints.agent_may_rewind", agent_may_rewind, reason);
}

fn of_git(found: &mut Found, trusted: GitSettings, changed: GitSettings) {
    let GitSettings { protect, identity } = changed;
    let reason = "the agent could change what git runs on the host";
    found.when(!protect && trusted.protect, "git.protect", &protect, reason);
    let reason = "the container would get the user's name and e-mail";
    found.when(identity && !trusted.identity, "git.identity", &identity, reason);
}

fn of_worktree(found: &mut Found, trusted: &WorktreeSettings, changed: &WorktreeSettings) {
    const REASON: &str = "sessions in worktrees would get more of the user's repositories than what is committed";
    let WorktreeSettings { copy, link } = changed;
    let is_further = |own: &[String], changed: &[String]| changed.iter().any(|one| !own.contains(one));
    found.when(is_further(&trusted.copy, copy), "worktree.copy", copy, REASON);
    found.when(is_further(&trusted.link, link), "worktree.link", link, REASON);
}

fn of_login(found: &mut Found, trusted: &LoginSettings, changed: &LoginSettings) {
    const REASON: &str = "the container could use the login for more than the user allows";
    let LoginSettings { mode, account, max_tokens, max_requests_per_minute } = changed;
    found.when(*mode > trusted.mode, "login.mode", mode, "it would hand the host's credentials to the container");
    found.when(*account != trusted.account, "login.account", account, "it would use another account of the user's");
    // 0 is no limit
    let is_more = |changed: u32, trusted: u32| trusted != 0 && (changed == 0 || changed > trusted);
    found.when(is_more(*max_tokens, trusted.max_tokens), "login.max_tokens", max_tokens, REASON);
    let more = is_more(*max_requests_per_minute, trusted.max_requests_per_minute);
    found.when(more, "login.max_requests_per_minute", max_requests_per_minute, REASON);
}

fn of_build(found: &mut Found, trusted: &BuildSettings, changed: &BuildSettings) {
    const REASON: &str = "it would change the image that other projects also use";
    let BuildSettings { from, host_ca, packages, tools, image_server, dns } = changed;
    found.when(*from != trusted.from, "build.from", from, REASON);
    found.when(*host_ca != trusted.host_ca, "build.host_ca", host_ca, REASON);
    found.when(*packages != trusted.packages, "build.packages", packages, REASON);
    found.when(*tools != trusted.tools, "build.tools", tools, REASON);
    found.when(*image_server != trusted.image_server, "build.image_server", image_server, REASON);
    found.when(*dns != trusted.dns, "build.dns", dns, REASON);
}

fn of_mounts(found: &mut Found, trusted: &Settings, changed: &Mounts, around: &Surroundings<'_>) {
    let Mounts { default } = changed;
    let key = |container: &str| format!("mounts.default ({container})");
    for (container, mount) in default {
        let MountEntry { host, readonly, optional } = mount;
        let reason = match trusted.mounts.default.get(container) {
            Some(before) => {
                let other = *host != before.host || (before.readonly && !readonly) || (*optional && !before.optional);
                other.then_some("it would change a mount of the user's")
            }
            None if !(around.inside)(host) => Some("it would mount a host path from outside the workspace"),
            None => (around.credentials && !beside::is_free_place(container, trusted)).then_some(beside::LOOKED_UP),
        };
        found.when(reason.is_some(), key(container), mount, reason.unwrap_or_default());
    }
    for gone in trusted.mounts.default.keys().filter(|container| !default.contains_key(*container)) {
        found.when(true, key(gone), &(), "it would remove a mount of the user's");
    }
}

#[cfg(test)]
mod tests;
