//! Documents about the keys: the starter file, the table in the documentation, the JSON Schema; all generated from the
//! one table of keys.

use std::fmt::Write;

use cci_core::settings::{KEYS, Key, Kind, Settings, keys_of_a_profile};
use serde_json::{Map, Value, json};

/// A configuration file in which every key is explained and nothing is set.
#[must_use]
pub fn starter() -> String {
    let mut out = String::from(
        "# Configuration of cci. Every key is here with its meaning; remove the `#` before a line to set it.\n\
         # Low to high: built-in, /etc/cci/config.toml, ~/.config/cci/config.toml (or $XDG_CONFIG_HOME/cci/config.toml),\n\
         # .cci.toml of the workspace, --config FILE, CCI_* variables, --profile NAME, flags.\n\
         # `cci config show --origin` says what holds, and why.\n",
    );
    let mut open = "";
    for key in KEYS {
        let (section, name) = key.path.split_once('.').unwrap_or(("", key.path));
        if section != open {
            // writing to a string cannot fail
            let _ = write!(out, "\n# [{section}]\n");
            open = section;
        }
        let default = default(key).map_or_else(|| "not set".to_owned(), |value| value.to_string());
        let example = if key.example.is_empty() { &default } else { key.example };
        let _ = write!(out, "# {} (default: {default})\n# {name} = {example}\n", key.meaning);
    }
    out.push_str(
        "\n# A named set of keys for `--profile NAME`: those of [defaults] directly, the sections network, limits, tool\n\
         # and mounts as tables. It can also be in profiles/NAME.toml next to this file.\n\
         # [profiles.rust]\n# inherits = \"default\"\n# image = \"cci-rust\"\n# environment = { RUST_BACKTRACE = \"1\" }\n\
         # limits = { memory = \"8GiB\" }\n",
    );
    out
}

/// The keys as a table in Markdown.
#[must_use]
pub fn key_table() -> String {
    let mut out = String::from("| key | default | meaning |\n|---|---|---|\n");
    for key in KEYS {
        let default = default(key).map_or_else(|| "not set".to_owned(), |value| format!("`{value}`"));
        let _ = writeln!(out, "| `{}` | {default} | {} |", key.path, key.meaning);
    }
    out
}

/// The JSON Schema of a configuration file.
#[must_use]
pub fn json_schema() -> Value {
    let mut sections: Map<String, Value> = Map::new();
    for key in KEYS {
        let (section, name) = key.path.split_once('.').unwrap_or(("", key.path));
        place(&mut sections, section, name, described(key));
    }
    let mut of_profile: Map<String, Value> = Map::new();
    for (path, key) in keys_of_a_profile() {
        match path.split_once('.') {
            Some((section, name)) => place(&mut of_profile, section, name, of_kind(key.kind)),
            None => _ = of_profile.insert(path.to_owned(), of_kind(key.kind)),
        }
    }
    of_profile.insert("inherits".into(), of_kind(Kind::Name));
    of_profile.insert("description".into(), of_kind(Kind::Text));
    let profile = json!({ "type": "object", "additionalProperties": false, "properties": of_profile });
    sections.insert("profiles".into(), json!({ "type": "object", "additionalProperties": profile }));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "cci configuration",
        "type": "object",
        "additionalProperties": false,
        "properties": sections,
    })
}

fn place(sections: &mut Map<String, Value>, section: &str, name: &str, schema: Value) {
    let empty = || json!({ "type": "object", "additionalProperties": false, "properties": {} });
    let entry = sections.entry(section.to_owned()).or_insert_with(empty);
    entry["properties"][name] = schema;
}

fn described(key: &Key) -> Value {
    let mut schema = of_kind(key.kind);
    schema["description"] = key.meaning.into();
    if let Some(default) = default(key) {
        schema["default"] = default;
    }
    schema
}

fn of_kind(kind: Kind) -> Value {
    match kind {
        Kind::Text | Kind::Path => json!({ "type": "string", "minLength": 1 }),
        Kind::Argument => json!({ "type": "string", "pattern": "^[^-]" }),
        Kind::Name => json!({ "type": "string", "pattern": "^[a-z0-9_-]+$" }),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Number(most) => json!({ "type": "integer", "minimum": 0, "maximum": most }),
        Kind::Texts | Kind::Places | Kind::Forward | Kind::Domains => {
            json!({ "type": "array", "items": { "type": "string" } })
        }
        Kind::Choice(words) => json!({ "enum": words }),
        Kind::Choices(words) => json!({ "type": "array", "items": { "enum": words } }),
        Kind::Cores | Kind::Processes => json!({ "type": ["integer", "string"] }),
        Kind::Size => json!({ "type": "string", "pattern": "^[1-9][0-9]*(B|[kMGT]B|[KMGT]iB|%)?$" }),
        Kind::Bytes => json!({ "type": "string", "pattern": "^[1-9][0-9]*(B|[kMGT]B|[KMGT]iB)?$" }),
        Kind::Age => json!({ "type": "string", "pattern": "^[0-9]+[smhdw]$" }),
        Kind::Environment => {
            let command = json!({
                "type": "object", "additionalProperties": false, "required": ["command"],
                "properties": { "command": { "type": "string" } },
            });
            json!({ "type": "object", "additionalProperties": { "anyOf": [{ "type": "string" }, command] } })
        }
        Kind::Mounts => {
            let mount = json!({
                "type": "object", "additionalProperties": false, "required": ["host", "container"],
                "properties": {
                    "host": { "type": "string" }, "container": { "type": "string", "pattern": "^/" },
                    "readonly": { "type": "boolean" }, "optional": { "type": "boolean" },
                },
            });
            json!({ "type": "array", "items": mount })
        }
        Kind::NameServer => json!({ "type": "string", "pattern": "^[0-9a-fA-F.:\\[\\]]+$" }),
        Kind::Proxy => json!({ "type": "string", "pattern": "^(inherit|[^@]+)$" }),
        Kind::Hosts => {
            let host = json!({
                "type": "object", "additionalProperties": false, "required": ["name", "address", "ports"],
                "properties": {
                    "name": { "type": "string", "minLength": 1 }, "address": { "type": "string", "minLength": 1 },
                    "ports": { "type": "array", "minItems": 1, "items": { "type": "integer", "minimum": 1, "maximum": 65535 } },
                },
            });
            json!({ "type": "array", "items": host })
        }
    }
}

/// The default value, if there is one.
fn default(key: &Key) -> Option<Value> {
    let all = serde_json::to_value(Settings::default()).ok()?;
    let (section, name) = key.path.split_once('.')?;
    let value = all.get(section)?.get(name)?.clone();
    // a list of mounts is a table by container path once it is read
    Some(if key.kind == Kind::Mounts { json!([]) } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Caller;
    use crate::settings::file;

    #[test]
    fn the_starter_file_loads_as_it_is_and_with_every_key_set() {
        let caller = Caller::for_test("/home/u", &[]);
        let text = starter();
        let path = std::path::Path::new("starter");
        assert_eq!(file::layer(path, text.as_bytes(), &caller).map(|layer| layer.profiles.len()), Ok(0));
        let set: String = text
            .lines()
            .map(|line| line.strip_prefix("# ").unwrap_or(line))
            .filter(|line| line.contains(" = ") && !line.contains("(default:") || line.starts_with('['))
            .flat_map(|line| [line, "\n"])
            .collect();
        let layer = file::layer(path, set.as_bytes(), &caller).unwrap_or_else(|problems| panic!("{problems:?}\n{set}"));
        for key in KEYS.iter().filter(|key| !matches!(key.kind, Kind::Environment | Kind::Mounts)) {
            assert!(layer.values.origins.contains_key(key.path), "{} is not in the starter file", key.path);
        }
        assert_eq!(layer.profiles.len(), 1);
    }

    #[test]
    fn the_documentation_has_the_table_of_keys() {
        let written = include_str!("../../../../misc/configuration.md");
        assert!(
            written.contains(&key_table()),
            "misc/configuration.md is out of date: `cci config schema --format markdown`"
        );
    }

    #[test]
    fn the_schema_names_every_key() {
        let schema = json_schema();
        for key in KEYS {
            let pointer = format!("/properties/{}", key.path.replace('.', "/properties/"));
            assert!(schema.pointer(&pointer).is_some(), "{pointer}");
        }
    }
}
