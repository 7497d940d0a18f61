//! Reads the sections and profiles of one file against the table of keys.

use cci_core::settings::{KEYS, Kind, Scalar, keys_of_a_profile};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::Check;
use super::layer::{Layer, Profile, Values};
use super::nearest::suggestion;

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
}
