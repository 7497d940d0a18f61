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
        if let Some(list) = list {
            mounts(&mut out, list, these, origin);
        } else {
            let value = inline(&first.in_a_file());
            out.line(format_args!("{} = {value}{}", key(&first.key), origin_comment(first, origin)));
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
        let mut table = mount.in_a_file();
        table["container"] = container.into();
        out.line(format_args!("  {},{}", inline(&table), origin_comment(mount, origin)));
    }
    out.line("]");
}

fn origin_comment(entry: &Entry, origin: bool) -> String {
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

/// A value as TOML writes it on one line; a null is left out of a table.
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

/// Escapes invisible characters: they occur inside basic strings only.
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
    use std::path::Path;

    use cci_core::settings::{KEYS, Kind, keys_of_a_profile};
    use cci_core::workspace::Workspace;
    use cci_engine::configuration::config::Configured;
    use cci_host::caller::Caller;
    use cci_host::settings::{Overrides, Stack, Trust, entries};
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::json;

    use super::*;

    /// A user with a home and an empty project.
    fn caller(dir: &Path) -> Caller {
        std::fs::create_dir_all(dir.join(".config/cci")).unwrap();
        Caller::for_test(dir, &[])
    }

    /// What `cci --config FILE config check` and a launch would accept.
    fn read(caller: &Caller, extra: Option<&Path>) -> Stack {
        let workspace = Workspace::at(&caller.home);
        let stack = Stack::read(caller, &workspace, extra, &Overrides::default(), Trust::Judged).unwrap();
        Configured::check_profiles(&stack).unwrap();
        stack
    }

    /// A value that a key accepts, as a file has it.
    fn value(kind: Kind) -> BoxedStrategy<toml::Value> {
        let text = || "[^\\x00]{1,12}".prop_map(toml::Value::from);
        let choice = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            select(words).prop_map(toml::Value::from).boxed()
        };
        // in a file a `$` is doubled where no variable is meant
        let path = || "/(\\$|[a-z]|\\PC){0,9}".prop_map(|path| path.replace('$', "$$"));
        let mount = (path(), "/[a-z.]{1,9}", any::<Option<bool>>()).prop_map(|(host, container, readonly)| {
            let mut mount =
                toml::Table::from_iter([("host".into(), host.into()), ("container".into(), container.into())]);
            mount.extend(readonly.map(|readonly| ("readonly".to_owned(), readonly.into())));
            toml::Value::from(mount)
        });
        match kind {
            Kind::Text => text().boxed(),
            Kind::Argument => "[a-z\\PC][^\\x00]{0,9}"
                .prop_filter("a flag", |raw| !raw.starts_with('-'))
                .prop_map(toml::Value::from)
                .boxed(),
            Kind::Name => "[a-z][a-z0-9_-]{0,9}".prop_map(toml::Value::from).boxed(),
            Kind::Bool => any::<bool>().prop_map(toml::Value::from).boxed(),
            Kind::Number(most) => (0..=most).prop_map(|number| i64::from(number).into()).boxed(),
            Kind::Texts => vec(text(), 0..4).prop_map(toml::Value::from).boxed(),
            Kind::Places => vec("[a-z]{1,9}(/[a-z]{1,9})?", 0..4).prop_map(toml::Value::from).boxed(),
            Kind::Forward => vec("[A-Z_]{1,9}[*]?", 0..4).prop_map(toml::Value::from).boxed(),
            Kind::Domains => vec("[a-z]{1,9}\\.example", 0..4).prop_map(toml::Value::from).boxed(),
            Kind::Path => path().prop_map(toml::Value::from).boxed(),
            Kind::Choice(words) => choice(words),
            Kind::Choices(words) => {
                proptest::sample::subsequence(words.to_vec(), 0..words.len()).prop_map(toml::Value::from).boxed()
            }
            Kind::Cores => choice(&["1", "0-3", "0,2"]),
            Kind::Processes => (1..100_000i64).prop_map(toml::Value::from).boxed(),
            Kind::Size => choice(&["1GiB", "8GiB", "512MiB"]),
            Kind::Bytes => choice(&["1GiB", "64MiB"]),
            Kind::Age => choice(&["90s", "14d"]),
            Kind::Environment => btree_map("[A-Z_][A-Z0-9_]{0,9}", text(), 0..4)
                .prop_map(|all| toml::Value::from(all.into_iter().collect::<toml::Table>()))
                .boxed(),
            Kind::NameServer => choice(&["192.0.2.1", "[2001:db8::1]:53"]),
            Kind::Proxy => choice(&["inherit", "socks5h://proxy.lan:1080"]),
            Kind::Hosts => vec(("[a-z]{1,9}\\.lan", 1..=65535i64), 0..3)
                .prop_map(|all| {
                    let host = |(name, port): (String, i64)| {
                        let parts =
                            [("name", name.into()), ("address", "10.0.0.1".into()), ("ports", vec![port].into())];
                        toml::Table::from_iter(parts.map(|(part, value): (&str, toml::Value)| (part.to_owned(), value)))
                    };
                    toml::Value::from(all.into_iter().map(host).collect::<Vec<_>>())
                })
                .boxed(),
            Kind::Mounts => btree_map("/[a-z]{1,3}", mount, 0..3)
                .prop_map(|all| {
                    let each = all.into_iter().map(|(container, mut mount)| {
                        mount["container"] = container.into();
                        mount
                    });
                    toml::Value::from(each.collect::<Vec<_>>())
                })
                .boxed(),
        }
    }

    /// A file that sets some keys, at its top or in a profile of its own.
    fn file() -> impl Strategy<Value = toml::Table> {
        let keys = vec(any::<(prop::sample::Index, bool)>(), 0..10).prop_flat_map(|chosen| {
            let each = chosen.into_iter().map(|(index, in_profile)| {
                let key = index.get(KEYS);
                let own = keys_of_a_profile().find(|(_, own)| in_profile && own.path == key.path).map(|(path, _)| path);
                value(key.kind).prop_map(move |value| (own.unwrap_or(key.path), own.is_some(), value))
            });
            each.collect::<Vec<_>>()
        });
        keys.prop_map(|keys| {
            let mut file = toml::Table::new();
            for (path, in_profile, value) in keys {
                let mut names: Vec<&str> = path.split('.').collect();
                let last = names.pop().unwrap_or_default();
                let profile = in_profile.then_some(["profiles", "mine"]).into_iter().flatten();
                let table = profile.chain(names).fold(&mut file, |table, name| {
                    let below = table.entry(name).or_insert_with(|| toml::Table::new().into());
                    below.as_table_mut().unwrap()
                });
                table.insert(last.to_owned(), value);
            }
            file
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn whatever_is_configured_check_takes_what_show_prints(file in file()) {
            let dir = tempfile::tempdir().unwrap();
            let caller = caller(dir.path());
            let own = dir.path().join(".config/cci/config.toml");
            std::fs::write(&own, file.to_string()).unwrap();
            let configured = read(&caller, None);
            let shown = dir.path().join("shown.toml");
            for origin in [false, true] {
                std::fs::write(&shown, as_toml(&entries(&configured).unwrap(), origin).as_str()).unwrap();
                let again = read(&caller, Some(&shown));
                prop_assert_eq!(again.settings().unwrap(), configured.settings().unwrap());
            }
            // alone it says the same as with the file that it was made from
            std::fs::remove_file(&own).unwrap();
            prop_assert_eq!(read(&caller, Some(&shown)).settings().unwrap(), configured.settings().unwrap());
        }
    }

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
        fn any_text_is_read_back_as_it_was(text in vec(any::<char>(), 0..40), name in any::<String>()) {
            let text: String = text.into_iter().collect();
            let key = format!("defaults.environment.{name}");
            let toml = as_toml(&[entry(&key, json!({ "command": text }))], false);
            prop_assert!(toml.as_str().chars().all(|c| c == '\n' || !is_unseen(c)), "{:?}", toml);
            let read: toml::Table = toml::from_str(toml.as_str()).unwrap();
            prop_assert_eq!(read["defaults"]["environment"][&name]["command"].as_str(), Some(text.as_str()));
        }
    }
}
