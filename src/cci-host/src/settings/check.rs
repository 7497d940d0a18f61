//! The reading of one file: whatever is wrong in it is noted with its place, and said in one go.

use std::path::Path;

use cci_core::settings::Kind;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::layer::{Origin, Source};
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
    pub(super) fn table<'t, 'i>(&mut self, shown: &str, value: &'t Spanned<DeValue<'i>>) -> Option<&'t DeTable<'i>> {
        let found = value.get_ref().as_table();
        if found.is_none() {
            let found = value.get_ref().type_str();
            self.note(value.span(), format!("{shown}: expected a table, found {found}"));
        }
        found
    }

    pub(super) fn wrong(&mut self, kind: Kind, shown: &str, value: &Spanned<DeValue<'_>>) {
        let found = match value.get_ref() {
            // it may have a password
            DeValue::String(_) if kind == Kind::Proxy => "another text".to_owned(),
            DeValue::String(text) => format!("'{text}'"),
            DeValue::Integer(number) => number.to_string(),
            other => other.type_str().to_owned(),
        };
        let near = match (kind, value.get_ref().as_str()) {
            (Kind::Choice(words) | Kind::Choices(words), Some(text)) => suggestion(text, words.iter().copied()),
            _ => String::new(),
        };
        self.note(value.span(), format!("{shown}: expected {}, found {found}{near}", kind.expected()));
    }

    pub(super) fn note(&mut self, span: std::ops::Range<usize>, text: String) {
        let place = Some(Place::of(self.text, span.start));
        self.problems.push(Problem::at(self.file, place, text));
    }

    pub(super) fn origin(&self, span: std::ops::Range<usize>) -> Origin {
        Origin { source: self.source.clone(), place: Some(Place::of(self.text, span.start)) }
    }
}
