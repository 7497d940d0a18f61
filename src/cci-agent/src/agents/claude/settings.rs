//! `settings.json` of a session: the user's keys as they work in a container, and the sandbox's on top.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::named::{Found, Named};
use super::place::directory;
use super::secrets::HELPERS;
use crate::import::{Import, Part};
use crate::json::{Keep, deep_merge};
use crate::omission::Omission;
use crate::seed::{Copied, Given};

/// How long the agent keeps transcripts: in effect forever, because `cci clean` removes them.
const KEPT_DAYS: u64 = 36_500;
/// The command that prints the agent's key: if it is set and cannot run, the agent uses no other login either.
const KEY_HELPER: &str = "apiKeyHelper";
/// The table of the places that plugins come from, in the agent's directory.
pub(super) const MARKETS: &str = "plugins/known_marketplaces.json";
/// What of it is read.
pub(super) const OF_MARKETS: Keep = Keep::Each(&Keep::Keys(&[(INSTALLED, Keep::All)]));
/// Where one of them is on the host.
const INSTALLED: &str = "installLocation";
/// The names of the host itself, beside its numbers.
const OWN_NAMES: [&str; 2] = ["localhost", "[::1]"];
/// A key, and which values of it forbid something.
type Forbids = (&'static [&'static str], fn(&Value) -> bool);
/// Keys that can forbid how the agent is started, and which of their values do.
const FORBID: [Forbids; 2] = [
    (&["permissions", "disableBypassPermissionsMode"], |value| value == "disable"),
    (&["sandbox", "enabled"], |value| value == true),
];
/// Variables that the container sets itself.
const OWN: [&str; 3] = ["CLAUDE_CONFIG_DIR", "HOME", "PATH"];

/// The keys that are of another part of the configuration than the settings.
const PARTS: [(&str, Part); 3] =
    [("hooks", Part::Hooks), ("enabledPlugins", Part::Plugins), ("extraKnownMarketplaces", Part::Plugins)];

/// The part that a key is of.
fn part(key: &str) -> Part {
    PARTS.iter().find(|(other, _)| *other == key).map_or(Part::Settings, |(_, part)| *part)
}

/// Whether anything of the host's settings comes along.
pub(super) fn is_read(import: &Import) -> bool {
    [Part::Settings, Part::Hooks, Part::Plugins].iter().any(|part| import.has(*part))
}

/// What of the host's settings comes along.
pub(super) fn imported(mut settings: Value, import: &Import) -> Value {
    if let Some(table) = settings.as_object_mut() {
        table.retain(|key, _| import.has(part(key)));
    }
    settings
}

/// The host's settings as they work in a container, and what of them does not.
pub(super) fn adapted(mut settings: Value, file: &Path, named: &mut Named<'_>) -> (Value, Vec<Omission>) {
    let mut omitted = overruled(&mut settings, file);
    let Value::Object(table) = &mut settings else { return (settings, omitted) };
    table.retain(|key, value| {
        let before = omitted.len();
        let left_out = key == KEY_HELPER;
        translate(value, key, key, named, &mut |key, found| omitted.push(found.told(file, key, left_out)));
        !left_out || omitted.len() == before
    });
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
    tell: &mut impl FnMut(&str, Found),
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
            let is_command = key == "command" || HELPERS.contains(&key);
            let is_own = is_loopback(text);
            *text = if is_command { named.command(text) } else { named.text(text) };
            let own = is_own.then_some(Found::Loopback);
            named.found.drain(..).chain(own).for_each(|found| tell(path, found));
        }
        _ => {}
    }
}

/// Whether a text contains an address of the host's own, or is one.
fn is_loopback(text: &str) -> bool {
    let is_own = |host: &str| {
        let by_name = OWN_NAMES.iter().find_map(|own| host.strip_prefix(own));
        let by_number = host.strip_prefix("127.").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        by_number || by_name.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    };
    let host = |rest: &'_ str| {
        let authority = rest.split(|c: char| c.is_whitespace() || "/?#\"'".contains(c)).next().unwrap_or_default();
        is_own(authority.rsplit_once('@').map_or(authority, |(_, host)| host))
    };
    let port = text.rsplit_once(':').map(|(_, port)| port);
    let is_number = port.is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    text.match_indices("://").any(|(at, _)| host(&text[at + 3..])) || is_number && !text.contains(',') && is_own(text)
}

/// What the plugins that are switched on need of the agent's directory, and which of them come from elsewhere.
pub(super) fn plugins(settings: &Value, given: &Given<'_>, named: &Named<'_>) -> (Vec<Copied>, Vec<Omission>) {
    let directory = directory(&given.place);
    let enabled = settings.get("enabledPlugins").and_then(Value::as_object);
    let enabled: Vec<(&str, &str)> = enabled
        .into_iter()
        .flatten()
        .filter(|(_, on)| **on != Value::Bool(false))
        .filter_map(|(name, _)| name.split_once('@'))
        .filter(|(plugin, market)| [plugin, market].iter().all(|name| !name.contains('/') && !name.starts_with('.')))
        .collect();
    if enabled.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let tables = ["plugins/installed_plugins.json", MARKETS];
    let tables = tables.map(|table| Copied::plain(directory.join(table), table));
    let trees = enabled.iter().flat_map(|(plugin, market)| {
        [format!("plugins/cache/{market}/{plugin}"), format!("plugins/marketplaces/{market}")]
    });
    let mut copied = tables.to_vec();
    for tree in trees.map(|tree| Copied::plain(directory.join(&tree), tree)) {
        if !copied.contains(&tree) {
            copied.push(tree);
        }
    }
    let elsewhere = |(plugin, market): &(&str, &str)| {
        let place = Path::new(given.host.get(MARKETS)?.get(*market)?.get(INSTALLED)?.as_str()?);
        let told =
            || Found::Place(place.to_owned()).told(&directory.join(MARKETS), &format!("{plugin}@{market}"), true);
        named.below(place).is_none().then(told)
    };
    (copied, enabled.iter().filter_map(elsewhere).collect())
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
mod tests;
