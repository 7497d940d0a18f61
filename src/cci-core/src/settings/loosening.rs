//! What a file that is not trusted would make weaker. The settings are taken apart field by field, so that a new key
//! without a decision here does not compile.

use std::path::Path;

use super::model::{
    BuildSettings, Defaults, IncusSettings, Limits, MountEntry, Mounts, NetworkSettings, Paths, Settings, ToolSettings,
    Variable,
};
use super::size::{Size, cores, number};

/// One key that would be weaker, and why that matters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loosening {
    /// The key, such as `network.mode`.
    pub key: String,
    /// What it would do.
    pub reason: &'static str,
}

/// What a program's surroundings decide about where it sends its credentials and which code it loads.
const TELLING_VARIABLES: [&str; 4] = ["ANTHROPIC_", "NODE_", "LD_", "CLAUDE_"];

/// Every key by which `changed` is weaker than `trusted`. `inside` says whether a host path, with all links
/// resolved, lies in the workspace.
#[must_use]
pub fn loosenings(trusted: &Settings, changed: &Settings, inside: &dyn Fn(&Path) -> bool) -> Vec<Loosening> {
    let Settings { defaults, tool, paths, incus, network, limits, build, mounts, profile: _ } = changed;
    let mut found = Found(Vec::new());
    of_defaults(&mut found, &trusted.defaults, defaults);
    of_tool(&mut found, &trusted.tool, tool);
    of_paths(&mut found, &trusted.paths, paths);
    of_incus(&mut found, &trusted.incus, incus);
    of_network(&mut found, &trusted.network, network);
    of_limits(&mut found, &trusted.limits, limits);
    of_build(&mut found, &trusted.build, build);
    of_mounts(&mut found, &trusted.mounts, mounts, inside);
    found.0
}

struct Found(Vec<Loosening>);

impl Found {
    fn when(&mut self, loosened: bool, key: impl Into<String>, reason: &'static str) {
        if loosened {
            self.0.push(Loosening { key: key.into(), reason });
        }
    }
}

fn of_defaults(found: &mut Found, trusted: &Defaults, changed: &Defaults) {
    // image, persistent, model: the project's own choice, all of it inside the container
    let Defaults { image: _, persistent: _, model: _, mount_claude_config, environment, docker } = changed;
    let credentials = *mount_claude_config && !trusted.mount_claude_config;
    found.when(credentials, "defaults.mount_claude_config", "it would hand the host's credentials to the container");
    found.when(*docker && !trusted.docker, "defaults.docker", "it would let the container nest others");
    for (name, value) in environment.iter().filter(|(name, value)| trusted.environment.get(*name) != Some(*value)) {
        let key = || format!("defaults.environment.{name}");
        found.when(matches!(value, Variable::Command { .. }), key(), "it would run a command on the host");
        found.when(
            is_telling(name),
            key(),
            "it would decide where the agent sends its credentials or which code it loads",
        );
    }
}

fn is_telling(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    upper.ends_with("_PROXY") || TELLING_VARIABLES.iter().any(|start| upper.starts_with(start)) || upper == "PATH"
}

fn of_tool(found: &mut Found, trusted: &ToolSettings, changed: &ToolSettings) {
    // name and args: the project's own choice, all of it inside the container
    let ToolSettings { name: _, binary, args: _ } = changed;
    let outside = binary.as_deref().is_some_and(|binary| !is_in_image_or_workspace(binary));
    found.when(
        outside && *binary != trusted.binary,
        "tool.binary",
        "it is neither a plain name nor a program in /workspace",
    );
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
    found.when(*sessions_dir != trusted.sessions_dir, "paths.sessions_dir", REASON);
    found.when(*storage_dir != trusted.storage_dir, "paths.storage_dir", REASON);
    found.when(*logs_dir != trusted.logs_dir, "paths.logs_dir", REASON);
}

fn of_incus(found: &mut Found, trusted: &IncusSettings, changed: &IncusSettings) {
    const REASON: &str = "it would use Incus in another way than the user does";
    let IncusSettings { socket, project, group, claude_uid, storage_pool, idmap } = changed;
    found.when(*socket != trusted.socket, "incus.socket", REASON);
    found.when(*project != trusted.project, "incus.project", REASON);
    found.when(*group != trusted.group, "incus.group", REASON);
    found.when(*claude_uid != trusted.claude_uid, "incus.claude_uid", REASON);
    found.when(*storage_pool != trusted.storage_pool, "incus.storage_pool", REASON);
    found.when(*idmap != trusted.idmap, "incus.idmap", REASON);
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
    } = changed;
    found.when(*mode > trusted.mode, "network.mode", REASON);
    let further = allowed_domains.iter().any(|domain| !trusted.allowed_domains.contains(domain));
    found.when(further, "network.allowed_domains", REASON);
    let private = !block_private_networks && trusted.block_private_networks;
    found.when(private, "network.block_private_networks", REASON);
    let metadata = !block_metadata_endpoint && trusted.block_metadata_endpoint;
    found.when(metadata, "network.block_metadata_endpoint", REASON);
    let local = *allow_local_network_access && !trusted.allow_local_network_access;
    found.when(local, "network.allow_local_network_access", REASON);
}

fn of_limits(found: &mut Found, trusted: &Limits, changed: &Limits) {
    const REASON: &str = "the container could use up more of the host than the user allows";
    let Limits { cpu, memory, processes, disk } = changed;
    found.when(is_more(trusted.cpu.as_deref(), cpu.as_deref(), is_fewer_cores), "limits.cpu", REASON);
    found.when(is_more(trusted.memory.as_deref(), memory.as_deref(), is_smaller), "limits.memory", REASON);
    found.when(is_more(trusted.processes.as_deref(), processes.as_deref(), is_fewer), "limits.processes", REASON);
    found.when(is_more(trusted.disk.as_deref(), disk.as_deref(), is_smaller), "limits.disk", REASON);
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

/// A number of cores may shrink; a set of them (which pins) stays the user's, for it may name cores kept for others.
fn is_fewer_cores(a: &str, b: &str) -> bool {
    number(a).is_ok() && cores(a).zip(cores(b)).is_some_and(|(a, b)| a <= b) && number(b).is_ok()
}

fn of_build(found: &mut Found, trusted: &BuildSettings, changed: &BuildSettings) {
    const REASON: &str = "it would change the image that other projects use too";
    let BuildSettings { from, host_ca, packages, tools, image_server, dns } = changed;
    found.when(*from != trusted.from, "build.from", REASON);
    found.when(*host_ca != trusted.host_ca, "build.host_ca", REASON);
    found.when(*packages != trusted.packages, "build.packages", REASON);
    found.when(*tools != trusted.tools, "build.tools", REASON);
    found.when(*image_server != trusted.image_server, "build.image_server", REASON);
    found.when(*dns != trusted.dns, "build.dns", REASON);
}

fn of_mounts(found: &mut Found, trusted: &Mounts, changed: &Mounts, inside: &dyn Fn(&Path) -> bool) {
    let Mounts { default } = changed;
    let key = |container: &str| format!("mounts.default ({container})");
    for (container, mount) in default {
        match trusted.default.get(container) {
            Some(before) => {
                let MountEntry { host, readonly, optional } = mount;
                let other = *host != before.host || (before.readonly && !readonly) || (*optional && !before.optional);
                found.when(other, key(container), "it would change a mount of the user's");
            }
            None => found.when(
                !inside(&mount.host),
                key(container),
                "it would mount a host path from outside the workspace",
            ),
        }
    }
    for gone in trusted.default.keys().filter(|container| !default.contains_key(*container)) {
        found.when(true, key(gone), "it would take a mount of the user's away");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Mode;

    fn keys(trusted: &Settings, changed: &Settings) -> Vec<String> {
        loosenings(trusted, changed, &|path| path.starts_with("/home/u/proj")).into_iter().map(|one| one.key).collect()
    }

    #[test]
    fn what_is_tighter_or_the_projects_own_choice_passes() {
        let trusted = Settings {
            network: NetworkSettings { mode: Mode::Restricted, ..Default::default() },
            ..Default::default()
        };
        let mut changed = trusted.clone();
        changed.defaults.image = "other".into();
        changed.defaults.docker = false;
        changed.defaults.environment.insert("RUST_BACKTRACE".into(), Variable::Text("1".into()));
        changed.tool.binary = Some("/workspace/tools/agent".into());
        changed.network.mode = Mode::Allowlist;
        changed.network.allowed_domains.clear();
        changed.limits.memory = Some("1GiB".into());
        let mount = MountEntry { host: "/home/u/proj/data".into(), readonly: false, optional: false };
        changed.mounts.default.insert("/data".into(), mount);
        assert_eq!(keys(&trusted, &changed), Vec::<String>::new());
    }

    #[test]
    fn a_limit_may_shrink_and_not_grow() {
        let mut trusted = Settings::default();
        trusted.limits.memory = Some("2GiB".into());
        trusted.limits.cpu = Some("4".into());
        let with = |memory: Option<&str>, cpu: Option<&str>| {
            let mut changed = trusted.clone();
            changed.limits.memory = memory.map(str::to_owned);
            changed.limits.cpu = cpu.map(str::to_owned);
            keys(&trusted, &changed)
        };
        assert!(with(Some("1GiB"), Some("2")).is_empty());
        assert_eq!(with(Some("3GiB"), Some("0-1")), ["limits.cpu", "limits.memory"]);
        assert_eq!(with(None, Some("8")), ["limits.cpu", "limits.memory"]);
        assert_eq!(with(Some("10%"), Some("4")), ["limits.memory"]);
    }
}
