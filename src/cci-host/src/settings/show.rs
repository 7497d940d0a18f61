//! The merged settings key by key, each with its origin, for display.

use std::collections::BTreeMap;

use cci_core::settings::{KEYS, Kind};
use cci_core::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::expand::unexpanded;
use super::layer::{Origin, Values};
use super::stack::Stack;

/// One value and where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Entry {
    /// The key, such as `limits.cpu`, or a key of a profile.
    pub key: String,
    /// The value in force.
    pub value: Value,
    /// File and line, a flag, a variable, or `built-in`.
    pub origin: String,
}

impl Entry {
    /// The value as a file would have it, where a `$` in a path would start the name of a variable.
    #[must_use]
    pub fn in_a_file(&self) -> Value {
        let is_path = KEYS.iter().any(|key| key.kind == Kind::Path && key.path == self.key);
        let mut value = self.value.clone();
        let path = if is_path { Some(&mut value) } else { value.get_mut("host").filter(|_| self.is_mount()) };
        if let Some(Value::String(path)) = path {
            *path = unexpanded(path);
        }
        value
    }

    fn is_mount(&self) -> bool {
        self.key.contains("mounts.default.")
    }
}

/// Every value that is set, in the order of the table of keys, then the values of each profile.
pub fn entries(stack: &Stack) -> Result<Vec<Entry>> {
    let settings = json(&stack.settings()?)?;
    let mut entries = of_table(&settings, &stack.origins()?, "");
    for (name, parts) in stack.profiles() {
        let prefix = format!("profiles.{name}.");
        let mut last: BTreeMap<String, Entry> = BTreeMap::new();
        for part in parts {
            let parent = part.inherits.iter().map(|parent| Entry {
                key: format!("{prefix}inherits"),
                value: parent.as_str().into(),
                origin: part.source.to_string(),
            });
            let said = of_values(&part.values, &prefix)?.into_iter().chain(parent);
            last.extend(said.map(|entry| (entry.key.clone(), entry)));
        }
        entries.extend(last.into_values());
    }
    Ok(entries)
}

/// What one profile sets, including inherited values; a value that is overridden is shown where it was set last.
pub fn of_profile(stack: &Stack, name: &str) -> Result<Vec<Entry>> {
    let mut last: BTreeMap<String, Entry> = BTreeMap::new();
    for values in stack.chain(name)? {
        last.extend(of_values(values, "")?.into_iter().map(|entry| (entry.key.clone(), entry)));
    }
    Ok(last.into_values().collect())
}

fn of_values(values: &Values, prefix: &str) -> Result<Vec<Entry>> {
    Ok(of_table(&json(&values.dict)?, &values.origins, prefix))
}

fn of_table(all: &Value, origins: &BTreeMap<String, Origin>, prefix: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    for key in KEYS {
        let Some(value) = all.pointer(&format!("/{}", key.path.replace('.', "/"))) else { continue };
        let shown = if prefix.is_empty() { key.path } else { key.path.trim_start_matches("defaults.") };
        let mut push = |path: &str, shown: String, value: Value| {
            let origin = origins.get(path).map_or_else(|| "built-in".to_owned(), Origin::to_string);
            entries.push(Entry { key: format!("{prefix}{shown}"), value, origin });
        };
        match value.as_object() {
            None => push(key.path, shown.to_owned(), value.clone()),
            Some(table) => {
                for (name, value) in table {
                    push(&format!("{}.{name}", key.path), format!("{shown}.{name}"), value.clone());
                }
            }
        }
    }
    entries
}

/// The settings as a configuration file would have them.
pub fn as_json(stack: &Stack) -> Result<Value> {
    let mut settings = json(&stack.settings()?)?;
    let mounts = settings["mounts"]["default"].as_object().cloned().unwrap_or_default();
    let listed = mounts.into_iter().map(|(container, mut mount)| {
        mount["container"] = container.into();
        mount
    });
    settings["mounts"]["default"] = Value::Array(listed.collect());
    if let Some(profile) = stack.profile_name() {
        settings["profile"] = json!(profile);
    }
    Ok(settings)
}

fn json(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| Error::Internal(error.to_string()))
}
