//! `settings.json` of a session: the user's keys as they work in a container, and the sandbox's on top.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::named::Named;
use crate::json::deep_merge;
use crate::omission::Omission;
use crate::seed::{Copied, Given};

/// How long the agent keeps transcripts: in effect forever, because `cci clean` removes them.
const KEPT_DAYS: u64 = 36_500;
/// The command that prints the agent's key: if it is set and cannot run, the agent uses no other login either.
const KEY_HELPER: &str = "apiKeyHelper";
/// A key, and which values of it forbid something.
type Forbids = (&'static [&'static str], fn(&Value) -> bool);
/// Keys that can forbid how the agent is started, and which of their values do.
const FORBID: [Forbids; 2] = [
    (&["permissions", "disableBypassPermissionsMode"], |value| value == "disable"),
    (&["sandbox", "enabled"], |value| value == true),
];
/// Variables that the container sets itself.
const OWN: [&str; 2] = ["CLAUDE_CONFIG_DIR", "HOME"];

/// The host's settings as they work in a container, and what of them does not.
pub(super) fn adapted(mut settings: Value, file: &Path, named: &mut Named<'_>) -> (Value, Vec<Omission>) {
    let mut omitted = overruled(&mut settings, file);
    let Value::Object(table) = &mut settings else { return (settings, omitted) };
    table.retain(|key, value| {
        translate(value, key, key, named, &mut |key, place| {
            let file = file.to_owned();
            omitted.push(Omission::NamesHost { left_out: key == KEY_HELPER, file, key: key.to_owned(), place });
        });
        let told = omitted.last();
        !matches!(told, Some(Omission::NamesHost { left_out: true, key: last, .. }) if last == key)
    });
    let loopback = table.get("env").and_then(Value::as_object).into_iter().flatten();
    let loopback = loopback.filter(|(_, value)| value.as_str().is_some_and(is_loopback));
    let told = |(name, _): (&String, _)| Omission::NamesLoopback {
        file: file.to_owned(),
        key: format!("env.{name}"),
        left_out: false,
    };
    omitted.extend(loopback.map(told));
    (settings, omitted)
}

/// Removes what forbids the agent to work as it is started in a container.
fn overruled(settings: &mut Value, file: &Path) -> Vec<Omission> {
    let mut keys = Vec::new();
    for (path, forbids) in &FORBID {
        if !is(settings, path, *forbids) {
            continue;
        }
        keys.push(path.join("."));
        if let Some(table) = settings.get_mut(path[0]).and_then(Value::as_object_mut) {
            table.shift_remove(path[1]);
        }
    }
    if settings.get("cleanupPeriodDays").is_some_and(|days| *days != KEPT_DAYS) {
        keys.push("cleanupPeriodDays".into());
    }
    if let Some(env) = settings.get_mut("env").and_then(Value::as_object_mut) {
        keys.extend(OWN.iter().filter(|name| env.shift_remove(**name).is_some()).map(|name| format!("env.{name}")));
    }
    keys.into_iter().map(|key| Omission::NoEffect { file: file.to_owned(), key }).collect()
}

fn is(settings: &Value, path: &[&str], forbids: fn(&Value) -> bool) -> bool {
    settings.get(path[0]).and_then(|table| table.get(path[1])).is_some_and(forbids)
}

/// What in the workspace's own settings forbids the same; the agent reads them after the user's.
pub(super) fn in_the_way(given: &Given<'_>) -> Vec<Omission> {
    let of = |(file, settings): &(&'static str, Option<Value>)| {
        let (file, settings) = (*file, settings.clone().unwrap_or_default());
        let found = FORBID.iter().filter(move |(path, forbids)| is(&settings, path, *forbids));
        found.map(move |(path, _)| Omission::InTheWay { file, key: path.join(".") }).collect::<Vec<_>>()
    };
    given.in_workspace.iter().flat_map(of).collect()
}

/// Changes every text of a value to what it is in the container; calls `tell` with the key of each that names something
/// only the host has.
pub(super) fn translate(
    value: &mut Value,
    path: &str,
    key: &str,
    named: &mut Named<'_>,
    tell: &mut impl FnMut(&str, PathBuf),
) {
    match value {
        // patterns of what may be done, not of what is needed
        Value::Array(_) if matches!(path, "permissions.allow" | "permissions.deny" | "permissions.ask") => {}
        Value::Array(items) => items.iter_mut().for_each(|item| translate(item, path, key, named, tell)),
        Value::Object(table) => {
            for (key, value) in table.iter_mut() {
                translate(value, &format!("{path}.{key}"), key, named, tell);
            }
        }
        Value::String(text) => {
            let is_command = key == "command" || key == KEY_HELPER;
            *text = if is_command { named.command(text) } else { named.text(text) };
            for place in std::mem::take(&mut named.on_host) {
                tell(path, place);
            }
        }
        _ => {}
    }
}

/// Whether an address is on the loopback, which in a container is the container's own.
pub(super) fn is_loopback(address: &str) -> bool {
    let Some((_, rest)) = address.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let name = host.split(':').next().unwrap_or_default();
    host.starts_with("[::1]")
        || name.eq_ignore_ascii_case("localhost")
        || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

/// What the enabled plugins need from the agent's directory.
pub(super) fn plugins(settings: &Value, directory: &Path, state: &str) -> Vec<Copied> {
    let enabled = settings.get("enabledPlugins").and_then(Value::as_object);
    let enabled: Vec<(&str, &str)> = enabled
        .into_iter()
        .flatten()
        .filter(|(_, on)| **on != Value::Bool(false))
        .filter_map(|(name, _)| name.split_once('@'))
        .filter(|(plugin, market)| [plugin, market].iter().all(|name| !name.contains('/') && !name.starts_with('.')))
        .collect();
    if enabled.is_empty() {
        return Vec::new();
    }
    let replaced = Some((format!("\"{}/", directory.display()), format!("\"{state}/")));
    let tables = ["plugins/installed_plugins.json", "plugins/known_marketplaces.json"];
    let tables =
        tables.map(|table| Copied { replaced: replaced.clone(), ..Copied::plain(directory.join(table), table) });
    let trees = enabled.iter().flat_map(|(plugin, market)| {
        [format!("plugins/cache/{market}/{plugin}"), format!("plugins/marketplaces/{market}")]
    });
    let mut copied = tables.to_vec();
    for tree in trees.map(|tree| Copied::plain(directory.join(&tree), tree)) {
        if !copied.contains(&tree) {
            copied.push(tree);
        }
    }
    copied
}

/// The settings with the sandbox's own keys.
pub(super) fn with_ours(settings: Option<Value>) -> Value {
    let mut settings = settings.filter(Value::is_object).unwrap_or_else(|| Value::Object(Map::new()));
    deep_merge(
        &mut settings,
        json!({
            "allowDangerouslySkipPermissions": true,
            "bypassPermissionsModeAccepted": true,
            "skipDangerousModePermissionPrompt": true,
            "cleanupPeriodDays": KEPT_DAYS,
            "permissions": { "defaultMode": "bypassPermissions" },
        }),
    );
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::HostPlace;

    fn place() -> HostPlace {
        HostPlace { home: "/home/ann".into(), named: None }
    }

    #[test]
    fn the_persons_settings_stay_also_inside_permissions() {
        let host = json!({ "model": "opus", "permissions": { "allow": ["Bash(ls)"], "defaultMode": "plan" }, "env": { "A": "1" } });
        let settings = with_ours(Some(host));
        assert_eq!(settings["model"], "opus");
        assert_eq!(settings["permissions"]["allow"][0], "Bash(ls)");
        assert_eq!(settings["permissions"]["defaultMode"], "bypassPermissions");
        assert_eq!(settings["env"]["A"], "1");
        assert_eq!(with_ours(Some(json!([1])))["allowDangerouslySkipPermissions"], true);
    }

    #[test]
    fn what_forbids_the_agent_to_work_has_no_effect_and_is_reported() {
        let given = Given { place: place(), ..Given::default() };
        let host = json!({
            "permissions": { "disableBypassPermissionsMode": "disable", "deny": ["Read(~/x)"] },
            "sandbox": { "enabled": true, "failIfUnavailable": true },
            "cleanupPeriodDays": 7,
            "env": { "CLAUDE_CONFIG_DIR": "/x", "A": "1" },
        });
        let (settings, omitted) = adapted(host, Path::new("/s"), &mut Named::of(&given));
        let keys: Vec<&str> = omitted
            .iter()
            .map(|one| match one {
                Omission::NoEffect { key, .. } => key.as_str(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            keys,
            [
                "permissions.disableBypassPermissionsMode",
                "sandbox.enabled",
                "cleanupPeriodDays",
                "env.CLAUDE_CONFIG_DIR"
            ]
        );
        let settings = with_ours(Some(settings));
        assert_eq!(settings["permissions"], json!({ "deny": ["Read(~/x)"], "defaultMode": "bypassPermissions" }));
        assert_eq!((&settings["sandbox"]["enabled"], &settings["env"]), (&Value::Null, &json!({ "A": "1" })));
        assert_eq!(settings["cleanupPeriodDays"], KEPT_DAYS);
    }

    #[test]
    fn a_setting_arrives_with_what_it_needs_or_is_reported() {
        let exists = |_: &Path| true;
        let given = Given {
            place: place(),
            state: "/home/code/.claude".into(),
            guest_home: "/home/code",
            exists: Some(&exists),
            ..Given::default()
        };
        let host = json!({
            "hooks": { "PreToolUse": [{ "hooks": [{ "type": "command", "command": "/home/ann/.claude/guard/run.sh" }] }] },
            "statusLine": { "type": "command", "command": "~/bin/status" },
            "apiKeyHelper": "/home/ann/bin/key",
            "env": { "HTTPS_PROXY": "http://localhost:3128", "NODE_EXTRA_CA_CERTS": "/opt/ca.pem" },
            "permissions": { "allow": ["Read(/home/ann/x)"], "additionalDirectories": ["/home/ann/lib"] },
        });
        let mut named = Named::of(&given);
        let (settings, omitted) = adapted(host, Path::new("/s"), &mut named);
        assert_eq!(settings["hooks"]["PreToolUse"][0]["hooks"][0]["command"], "/home/code/.claude/guard/run.sh");
        assert_eq!(named.copied, [Copied::plain("/home/ann/.claude/guard".into(), "guard")]);
        assert_eq!(settings.get(KEY_HELPER), None, "the agent would use no other login");
        let told = |key: &str, place: &str, left_out| {
            let (file, key, place) = ("/s".into(), key.into(), place.into());
            Omission::NamesHost { file, key, place, left_out }
        };
        let loopback = Omission::NamesLoopback { file: "/s".into(), key: "env.HTTPS_PROXY".into(), left_out: false };
        let expected = [
            told("statusLine.command", "/home/ann/bin/status", false),
            told(KEY_HELPER, "/home/ann/bin/key", true),
            told("env.NODE_EXTRA_CA_CERTS", "/opt/ca.pem", false),
            told("permissions.additionalDirectories", "/home/ann/lib", false),
            loopback,
        ];
        assert_eq!(omitted, expected);
    }

    #[test]
    fn a_loopback_address_is_known_by_its_host() {
        for own in [
            "http://localhost:3128",
            "http://127.0.0.1/@x",
            "http://u:p@127.1.2.3",
            "ws://[::1]:80",
            "http://LOCALHOST",
        ] {
            assert!(is_loopback(own), "{own}");
        }
        for other in ["http://localhost.example.org", "https://x/@localhost", "http://127.example.org", "localhost", ""]
        {
            assert!(!is_loopback(other), "{other}");
        }
    }

    #[test]
    fn enabled_plugins_come_with_their_tables() {
        let settings = json!({ "enabledPlugins": { "p@m": true, "q@m": true, "off@n": false, "../x@m": true } });
        let copied = plugins(&settings, Path::new("/home/ann/.claude"), "/home/code/.claude");
        let names: Vec<_> = copied.iter().map(|one| one.session.to_str().unwrap()).collect();
        let expected = [
            "plugins/installed_plugins.json",
            "plugins/known_marketplaces.json",
            "plugins/cache/m/p",
            "plugins/marketplaces/m",
            "plugins/cache/m/q",
        ];
        assert_eq!(names, expected);
        assert_eq!(copied[0].replaced, Some(("\"/home/ann/.claude/".into(), "\"/home/code/.claude/".into())));
    }

    #[test]
    fn what_the_workspace_forbids_is_reported() {
        let sandbox = json!({ "sandbox": { "enabled": true } });
        let given = Given { in_workspace: vec![(".claude/settings.json", Some(sandbox))], ..Given::default() };
        assert_eq!(
            in_the_way(&given),
            [Omission::InTheWay { file: ".claude/settings.json", key: "sandbox.enabled".into() }]
        );
    }
}
