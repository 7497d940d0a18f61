//! What a project may choose, and what would be looser.

use cci_agent::{Import, Part};

use super::*;
use crate::network::{Mode, ServiceEntry};
use crate::settings::{OutsideLinks, SshSettings, WorkspaceSettings};

fn judged(trusted: &Settings, changed: &Settings, credentials: bool) -> Vec<String> {
    let around = Surroundings { credentials, inside: &|path| path.starts_with("/home/u/proj") };
    loosenings(trusted, changed, &around).into_iter().map(|one| one.key).collect()
}

/// What is looser where no credentials are inside.
fn keys(trusted: &Settings, changed: &Settings) -> Vec<String> {
    judged(trusted, changed, false)
}

/// A project that chooses everything that runs in the container.
fn choosing() -> Settings {
    let mut changed = Settings::default();
    changed.defaults.image = "other".into();
    changed.defaults.model = Some("opus".into());
    changed.tool.name = "other".into();
    changed.tool.binary = Some("/workspace/tools/agent".into());
    changed.tool.args = vec!["--mcp-config=/workspace/x".into()];
    for (name, value) in [("CI", "1"), ("BASH_ENV", "/workspace/x"), ("LANG", "/workspace/x"), ("Ci", "1")] {
        changed.defaults.environment.insert(name.into(), Variable::Text(value.into()));
    }
    for place in ["/data", "/home/code/.local/bin", "/opt/tools"] {
        let mount = MountEntry { host: "/home/u/proj/x".into(), readonly: false, optional: false };
        changed.mounts.default.insert(place.into(), mount);
    }
    changed
}

#[test]
fn what_chooses_code_is_the_projects_own_choice_only_where_no_credentials_are() {
    assert_eq!(judged(&Settings::default(), &choosing(), false), Vec::<String>::new());
    assert_eq!(
        judged(&Settings::default(), &choosing(), true),
        [
            "defaults.image",
            "defaults.environment.BASH_ENV",
            "defaults.environment.Ci",
            "defaults.environment.LANG",
            "tool.name",
            "tool.binary",
            "tool.args",
            "mounts.default (/home/code/.local/bin)",
            "mounts.default (/opt/tools)",
        ]
    );
    assert_eq!(judged(&choosing(), &choosing(), true), Vec::<String>::new(), "what the user has too");
}

#[test]
fn a_loosening_has_its_value_in_full() {
    let around = Surroundings { credentials: true, inside: &|_| true };
    let found = loosenings(&Settings::default(), &choosing(), &around);
    let value = |key: &str| found.iter().find(|one| one.key == key).map(|one| one.value.to_string());
    assert_eq!(value("tool.args").as_deref(), Some(r#"["--mcp-config=/workspace/x"]"#));
    assert_eq!(value("defaults.environment.BASH_ENV").as_deref(), Some(r#""/workspace/x""#));
}

#[test]
fn what_is_tighter_or_the_projects_own_choice_passes() {
    let trusted =
        Settings { network: NetworkSettings { mode: Mode::Restricted, ..Default::default() }, ..Default::default() };
    let mut changed = trusted.clone();
    changed.defaults.docker = false;
    changed.defaults.environment.insert("RUST_BACKTRACE".into(), Variable::Text("1".into()));
    changed.network.mode = Mode::Allowlist;
    changed.network.allowed_domains.clear();
    changed.limits.memory = Some("1GiB".into());
    let mount = MountEntry { host: "/home/u/proj/data".into(), readonly: false, optional: false };
    changed.mounts.default.insert("/data".into(), mount);
    assert_eq!(judged(&trusted, &changed, true), Vec::<String>::new());
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

#[test]
fn a_service_may_be_left_out_or_get_fewer_ports() {
    let with = |hosts: &[(&str, &str, &[u16])]| {
        let host = |(name, address, ports): &(&str, &str, &[u16])| ServiceEntry {
            name: (*name).to_owned(),
            address: (*address).to_owned(),
            ports: ports.to_vec(),
        };
        let hosts = hosts.iter().map(host).collect();
        Settings { network: NetworkSettings { hosts, ..Default::default() }, ..Default::default() }
    };
    let trusted = with(&[("a.lan", "10.0.0.1", &[80, 81]), ("b.lan", "host", &[80])]);
    assert_eq!(keys(&trusted, &with(&[("a.lan", "10.0.0.1", &[81])])), Vec::<String>::new());
    for further in [("a.lan", "10.0.0.1", &[82]), ("a.lan", "10.0.0.2", &[80]), ("c.lan", "host", &[80])] {
        assert_eq!(keys(&trusted, &with(&[(further.0, further.1, further.2)])), ["network.hosts"]);
    }
}

#[test]
fn a_project_may_only_take_parts_of_the_hosts_configuration_away() {
    let of = |parts: &[Part]| {
        let mut settings = Settings::default();
        settings.tool.import = Import::only(parts.iter().copied());
        settings
    };
    assert_eq!(keys(&Settings::default(), &of(&[])), Vec::<String>::new());
    assert_eq!(keys(&of(&[Part::Skills, Part::Hooks]), &of(&[Part::Skills])), Vec::<String>::new());
    assert_eq!(keys(&of(&[Part::Skills]), &of(&[Part::Hooks])), ["tool.import"]);
    assert_eq!(keys(&of(&[]), &Settings::default()), ["tool.import"]);
}

#[test]
fn a_project_gets_no_more_of_the_host_than_the_user_gives_to_all() {
    let all = |outside_links| {
        let mut settings = Settings { ssh: SshSettings { agent: true }, ..Settings::default() };
        settings.workspace = WorkspaceSettings { outside_links, same_path: true, dotenv: true, share_history: true };
        settings
    };
    let keys = |trusted, changed| keys(&trusted, &changed);
    assert_eq!(
        keys(Settings::default(), all(OutsideLinks::Write)),
        ["workspace.outside_links", "workspace.same_path", "workspace.dotenv", "workspace.share_history", "ssh.agent"]
    );
    assert_eq!(keys(all(OutsideLinks::Write), all(OutsideLinks::Write)), Vec::<String>::new());
    assert_eq!(keys(all(OutsideLinks::Off), all(OutsideLinks::Readonly)), ["workspace.outside_links"]);
    let mut less = Settings::default();
    less.workspace.outside_links = OutsideLinks::Off;
    assert_eq!(keys(all(OutsideLinks::Write), less), Vec::<String>::new());
}
