//! The configuration as TOML, one key on a line: `config check` takes what `config show` prints.

use cci_guest::text::is_unseen;
use serde_json::Value;
use toml_writer::{ToTomlKey, ToTomlValue, TomlKeyBuilder, TomlStringBuilder};

use crate::ui::text::Text;
use cci_host::settings::Entry;

/// The key whose values are a list of tables in a file, and are merged by their container paths.
const MOUNTS: &str = "mounts.default.";

/// `key = value`, each with a comment that says where it comes from if `origin` asks for it.
pub(in crate::cli) fn as_toml(entries: &[Entry], origin: bool) -> Text {
    let mut out = Text::default();
    let mut rest = entries;
    while let Some(first) = rest.first() {
        let list = list_of(&first.key);
        let same = |entry: &&Entry| list.is_some() && list_of(&entry.key) == list;
        let count = rest.iter().take_while(same).count().max(1);
        let (these, behind) = rest.split_at(count);
        match list {
            Some(list) => mounts(&mut out, list, these, origin),
            None => out.line(format_args!("{} = {}{}", key(&first.key), inline(&first.value), said(first, origin))),
        }
        rest = behind;
    }
    out
}

/// The key of the list that a mount is in.
fn list_of(key: &str) -> Option<&str> {
    key.find(MOUNTS).map(|at| &key[..at + MOUNTS.len() - 1])
}

fn mounts(out: &mut Text, list: &str, mounts: &[Entry], origin: bool) {
    out.line(format_args!("{list} = ["));
    for mount in mounts {
        let container = mount.key[list.len() + 1..].to_owned();
        let mut table = mount.value.clone();
        table["container"] = container.into();
        out.line(format_args!("  {},{}", inline(&table), said(mount, origin)));
    }
    out.line("]");
}

fn said(entry: &Entry, origin: bool) -> String {
    // a line of a comment has no control characters in TOML, and none here
    if origin && !entry.origin.is_empty() { format!("  # {}", entry.origin) } else { String::new() }
}

/// A dotted key: what is behind `environment.` is one name.
fn key(dotted: &str) -> String {
    let (parts, name) = match dotted.find("environment.") {
        Some(at) => dotted.split_at(at + "environment.".len()),
        None => ("", dotted),
    };
    let names = if parts.is_empty() { name.split('.').collect() } else { vec![name] };
    let names: Vec<String> = names.into_iter().map(word).collect();
    format!("{parts}{}", names.join("."))
}

/// One name of a key.
fn word(name: &str) -> String {
    let builder = TomlKeyBuilder::new(name);
    numbered(&builder.as_unquoted().unwrap_or_else(|| builder.as_basic()).to_toml_key())
}

/// A value as TOML writes it on one line; what TOML has no word for is left out of a table.
pub(super) fn inline(value: &Value) -> String {
    match value {
        Value::Object(table) => {
            let there = table.iter().filter(|(_, value)| !value.is_null());
            let pairs: Vec<String> = there.map(|(name, value)| format!("{} = {}", word(name), inline(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::String(text) => numbered(&TomlStringBuilder::new(text).as_basic().to_toml_value()),
        // numbers and truth values are the same in both
        other => other.to_string(),
    }
}

/// Writes what cannot be seen by its number: it is inside of basic strings only.
fn numbered(toml: &str) -> String {
    let shown = |c: char| match u32::from(c) {
        number @ ..=0xffff if is_unseen(c) => format!("\\u{number:04x}"),
        number if is_unseen(c) => format!("\\U{number:08x}"),
        _ => c.to_string(),
    };
    toml.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn entry(key: &str, value: Value) -> Entry {
        Entry { key: key.into(), value, origin: "/etc/x\n[y]".into() }
    }

    #[test]
    fn mounts_are_a_list_as_a_file_has_them() {
        let mount = |host: &str| json!({ "host": host, "readonly": true, "optional": null });
        let entries = [
            entry("limits.cpu", json!("2")),
            entry("profiles.hard.mounts.default./a.b", mount("x")),
            entry("profiles.hard.mounts.default./c", mount("y")),
            entry("profiles.hard.network.mode", json!("open")),
        ];
        let text = as_toml(&entries, false);
        assert_eq!(
            text.as_str(),
            "limits.cpu = \"2\"\nprofiles.hard.mounts.default = [\n  { host = \"x\", readonly = true, container = \"/a.b\" },\n  \
             { host = \"y\", readonly = true, container = \"/c\" },\n]\nprofiles.hard.network.mode = \"open\"\n"
        );
        assert!(toml::from_str::<toml::Table>(as_toml(&entries, true).as_str()).is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_as_it_was(text in prop::collection::vec(any::<char>(), 0..40), name in any::<String>()) {
            let text: String = text.into_iter().collect();
            let key = format!("defaults.environment.{name}");
            let toml = as_toml(&[entry(&key, json!({ "command": text }))], false);
            prop_assert!(toml.as_str().chars().all(|c| c == '\n' || !is_unseen(c)), "{:?}", toml);
            let read: toml::Table = toml::from_str(toml.as_str()).unwrap();
            prop_assert_eq!(read["defaults"]["environment"][&name]["command"].as_str(), Some(text.as_str()));
        }
    }
}
