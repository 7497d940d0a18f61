//! Reads the tables of one file against the table of keys, and notes everything that is wrong in one go.

use std::path::Path;

use cci_core::environment::is_variable_name;
use cci_core::mount::container_path;
use cci_core::network::Entry;
use cci_core::settings::{KEYS, Key, Kind, MountEntry, Scalar, keys_of_a_profile};
use figment::value::{Dict, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::expand::expand;
use super::layer::{Layer, Origin, Profile, Source, Values};
use super::nearest::suggestion;
use super::problem::{Place, Problem};
use crate::caller::Caller;

/// The reading of one file.
pub(super) struct Check<'a> {
    pub(super) file: &'a Path,
    pub(super) source: Source,
    pub(super) text: &'a str,
    pub(super) caller: &'a Caller,
    pub(super) problems: Vec<Problem>,
}

impl Check<'_> {
    /// A whole configuration file.
    pub(super) fn file(&mut self, table: &DeTable<'_>, layer: &mut Layer) {
        for (name, value) in table {
            let section = name.get_ref().as_ref();
            if section == "profiles" {
                self.profiles(value, layer);
            } else if KEYS.iter().any(|key| key.path.split('.').next() == Some(section)) {
                self.section(section, value, &mut layer.values);
            } else {
                let sections = KEYS.iter().filter_map(|key| key.path.split('.').next()).chain(["profiles"]);
                let paths = KEYS.iter().map(|key| key.path);
                let near = suggestion(section, sections.chain(paths));
                self.note(name.span(), format!("unknown section '{section}'{near}"));
            }
        }
    }

    fn section(&mut self, section: &str, value: &Spanned<DeValue<'_>>, values: &mut Values) {
        let Some(keys) = self.table(section, value) else { return };
        for (name, value) in keys {
            let path = format!("{section}.{}", name.get_ref());
            match KEYS.iter().find(|key| key.path == path) {
                Some(key) => self.value(key, &path, value, values),
                None => self.unknown(&path, name.span(), KEYS.iter().map(|key| key.path)),
            }
        }
    }

    fn profiles(&mut self, value: &Spanned<DeValue<'_>>, layer: &mut Layer) {
        let Some(profiles) = self.table("profiles", value) else { return };
        for (name, value) in profiles {
            if !Kind::Name.takes(&Scalar::Text(name.get_ref())) {
                self.note(
                    name.span(),
                    format!("invalid profile name '{}': expected {}", name.get_ref(), Kind::Name.expected()),
                );
            }
            let Some(body) = self.table(&format!("profiles.{}", name.get_ref()), value) else { continue };
            let profile = self.profile(body, &format!("profiles.{}.", name.get_ref()));
            layer.profiles.insert(name.get_ref().to_string(), profile);
        }
    }

    /// The body of a profile; `prefix` is what stands before its keys in messages.
    pub(super) fn profile(&mut self, body: &DeTable<'_>, prefix: &str) -> Profile {
        let mut profile = Profile::new(self.source.clone());
        for (name, value) in body {
            let own = name.get_ref().as_ref();
            let shown = format!("{prefix}{own}");
            let section =
                || keys_of_a_profile().any(|(path, _)| path.split_once('.').is_some_and(|(first, _)| first == own));
            match own {
                "inherits" => {
                    profile.inherits = self.text(&Kind::Name, &shown, value);
                    profile.values.origins.insert(own.to_owned(), self.origin(value.span()));
                }
                "description" => profile.description = self.text(&Kind::Text, &shown, value),
                _ => match keys_of_a_profile().find(|(path, _)| *path == own) {
                    Some((_, key)) => self.value(key, &shown, value, &mut profile.values),
                    None if section() => self.section_of_a_profile(own, &shown, value, &mut profile.values),
                    None => self.unknown_in_profile(prefix, own, name.span()),
                },
            }
        }
        profile
    }

    fn section_of_a_profile(&mut self, section: &str, shown: &str, value: &Spanned<DeValue<'_>>, values: &mut Values) {
        let Some(keys) = self.table(shown, value) else { return };
        for (name, value) in keys {
            let own = format!("{section}.{}", name.get_ref());
            match keys_of_a_profile().find(|(path, _)| *path == own) {
                Some((_, key)) => self.value(key, &format!("{shown}.{}", name.get_ref()), value, values),
                None => self.unknown_in_profile(shown.trim_end_matches(section), &own, name.span()),
            }
        }
    }

    fn unknown_in_profile(&mut self, prefix: &str, own: &str, span: std::ops::Range<usize>) {
        let near = suggestion(own, keys_of_a_profile().map(|(path, _)| path).chain(["inherits", "description"]));
        self.note(span, format!("unknown key '{prefix}{own}'{near}"));
    }

    fn unknown<'k>(&mut self, path: &str, span: std::ops::Range<usize>, valid: impl Iterator<Item = &'k str>) {
        let near = suggestion(path, valid);
        self.note(span, format!("unknown key '{path}'{near}"));
    }

    /// A key of a table that is itself a value.
    fn unknown_part(&mut self, shown: &str, part: &Spanned<std::borrow::Cow<'_, str>>, valid: &[&str]) {
        let near = suggestion(part.get_ref(), valid.iter().copied());
        self.note(part.span(), format!("unknown key '{shown}.{}'{near}", part.get_ref()));
    }

    /// One key's value, put into `values` if it is right.
    fn value(&mut self, key: &Key, shown: &str, value: &Spanned<DeValue<'_>>, values: &mut Values) {
        let origin = self.origin(value.span());
        match key.kind {
            Kind::Environment => self.environment(key, shown, value, values),
            Kind::Mounts => self.mounts(key, shown, value, values),
            Kind::Texts | Kind::Domains => {
                let Some(items) = value.get_ref().as_array() else { return self.wrong(key.kind, shown, value) };
                let texts: Vec<Value> =
                    items.iter().filter_map(|item| self.text(&key.kind, shown, item).map(Value::from)).collect();
                values.set(key.path, None, texts.into(), origin);
            }
            Kind::Path => {
                if let Some(path) = self.path(shown, value) {
                    values.set(key.path, None, path.into(), origin);
                }
            }
            kind => match scalar(value.get_ref()).filter(|scalar| kind.takes(scalar)) {
                Some(Scalar::Bool(value)) => values.set(key.path, None, value.into(), origin),
                // amounts are texts for Incus, however they are written
                Some(Scalar::Integer(count)) if matches!(kind, Kind::Cores | Kind::Processes) => {
                    values.set(key.path, None, count.to_string().into(), origin);
                }
                Some(Scalar::Integer(number)) => values.set(key.path, None, number.into(), origin),
                Some(Scalar::Text(text)) => values.set(key.path, None, text.into(), origin),
                None => self.wrong(kind, shown, value),
            },
        }
    }

    fn environment(&mut self, key: &Key, shown: &str, value: &Spanned<DeValue<'_>>, values: &mut Values) {
        let Some(variables) = self.table(shown, value) else { return };
        for (name, value) in variables {
            let (shown, origin) = (format!("{shown}.{}", name.get_ref()), self.origin(value.span()));
            if !is_variable_name(name.get_ref()) {
                self.note(name.span(), format!("invalid environment variable name '{}'", name.get_ref()));
                continue;
            }
            let made = match value.get_ref() {
                DeValue::String(text) => Some(Value::from(text.as_ref())),
                DeValue::Table(table) => self.command(&shown, table, value.span()),
                _ => {
                    self.note(value.span(), format!("{shown}: expected a text or {{ command = \"…\" }}"));
                    None
                }
            };
            if let Some(made) = made {
                values.set(key.path, Some(name.get_ref()), made, origin);
            }
        }
    }

    fn command(&mut self, shown: &str, table: &DeTable<'_>, span: std::ops::Range<usize>) -> Option<Value> {
        let mut made = None;
        for (name, value) in table {
            match name.get_ref().as_ref() {
                "command" => made = Some(self.text(&Kind::Text, &format!("{shown}.command"), value)?),
                _ => self.unknown_part(shown, name, &["command"]),
            }
        }
        if made.is_none() {
            self.note(span, format!("{shown}: `command` is missing"));
        }
        made.map(|command| Dict::from([("command".to_owned(), command.into())]).into())
    }

    fn mounts(&mut self, key: &Key, shown: &str, value: &Spanned<DeValue<'_>>, values: &mut Values) {
        let Some(mounts) = value.get_ref().as_array() else { return self.wrong(key.kind, shown, value) };
        let mut seen: Vec<String> = Vec::new();
        for mount in mounts {
            let Some((container, entry)) = self.mount(shown, mount) else { continue };
            if seen.contains(&container) {
                self.note(mount.span(), format!("{shown}: container path {container} is used twice"));
            }
            match Value::serialize(entry) {
                Ok(value) => values.set(key.path, Some(&container), value, self.origin(mount.span())),
                Err(error) => self.note(mount.span(), error.to_string()),
            }
            seen.push(container);
        }
    }

    fn mount(&mut self, shown: &str, mount: &Spanned<DeValue<'_>>) -> Option<(String, MountEntry)> {
        let table = self.table(shown, mount)?;
        let (mut host, mut container, mut readonly, mut optional) = (None, None, Some(false), Some(false));
        let before = self.problems.len();
        for (name, value) in table {
            let part = format!("{shown}.{}", name.get_ref());
            match name.get_ref().as_ref() {
                "host" => host = self.path(&part, value),
                "container" => container = self.text(&Kind::Text, &part, value).map(|path| (path, value.span())),
                "readonly" => readonly = self.bool(&part, value),
                "optional" => optional = self.bool(&part, value),
                _ => self.unknown_part(shown, name, &["host", "container", "readonly", "optional"]),
            }
        }
        let container = container.and_then(|(path, span)| {
            container_path(&path).map_err(|error| self.note(span, format!("{shown}: {error}"))).ok()
        });
        if self.problems.len() == before && (host.is_none() || container.is_none()) {
            self.note(mount.span(), format!("{shown}: a mount needs `host` and `container`"));
        }
        Some((container?, MountEntry { host: host?.into(), readonly: readonly?, optional: optional? }))
    }

    fn path(&mut self, shown: &str, value: &Spanned<DeValue<'_>>) -> Option<String> {
        let text = self.text(&Kind::Path, shown, value)?;
        let expanded = expand(&text, self.caller);
        expanded
            .map_err(|problem| self.note(value.span(), format!("{shown}: cannot expand '{text}': {problem}")))
            .ok()
            .map(|path| path.to_string_lossy().into_owned())
    }

    fn text(&mut self, kind: &Kind, shown: &str, value: &Spanned<DeValue<'_>>) -> Option<String> {
        let text = value.get_ref().as_str();
        let found = text.filter(|text| kind.takes(&Scalar::Text(text)));
        match (kind, text, found) {
            (_, _, Some(_)) => {}
            // why it is none says more than what one is
            (Kind::Domains, Some(text), None) => {
                if let Err(error) = text.parse::<Entry>() {
                    self.note(value.span(), format!("{shown}: {error}"));
                }
            }
            _ => self.wrong(*kind, shown, value),
        }
        found.map(str::to_owned)
    }

    fn bool(&mut self, shown: &str, value: &Spanned<DeValue<'_>>) -> Option<bool> {
        let found = value.get_ref().as_bool();
        if found.is_none() {
            self.wrong(Kind::Bool, shown, value);
        }
        found
    }

    fn table<'t, 'i>(&mut self, shown: &str, value: &'t Spanned<DeValue<'i>>) -> Option<&'t DeTable<'i>> {
        let found = value.get_ref().as_table();
        if found.is_none() {
            let found = value.get_ref().type_str();
            self.note(value.span(), format!("{shown}: expected a table, found {found}"));
        }
        found
    }

    fn wrong(&mut self, kind: Kind, shown: &str, value: &Spanned<DeValue<'_>>) {
        let found = match value.get_ref() {
            DeValue::String(text) => format!("'{text}'"),
            DeValue::Integer(number) => number.to_string(),
            other => other.type_str().to_owned(),
        };
        let near = match (kind, value.get_ref().as_str()) {
            (Kind::Choice(words), Some(text)) => suggestion(text, words.iter().copied()),
            _ => String::new(),
        };
        self.note(value.span(), format!("{shown}: expected {}, found {found}{near}", kind.expected()));
    }

    pub(super) fn note(&mut self, span: std::ops::Range<usize>, text: String) {
        let place = Some(Place::of(self.text, span.start));
        self.problems.push(Problem { file: self.file.to_owned(), place, text });
    }

    fn origin(&self, span: std::ops::Range<usize>) -> Origin {
        Origin { source: self.source.clone(), place: Some(Place::of(self.text, span.start)) }
    }
}

fn scalar<'v>(value: &'v DeValue<'_>) -> Option<Scalar<'v>> {
    match value {
        DeValue::Boolean(value) => Some(Scalar::Bool(*value)),
        DeValue::Integer(value) => i64::from_str_radix(value.as_str(), value.radix()).ok().map(Scalar::Integer),
        DeValue::String(text) => Some(Scalar::Text(text)),
        _ => None,
    }
}
