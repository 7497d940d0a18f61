//! Devices are typed: a map of maps of strings is made at the last step, by the renderer.

use std::collections::BTreeSet;

use super::breaches::Breach;
use super::source::Source;
use super::tokens::{Kind, Token};

const MAP: [&str; 6] = ["BTreeMap", "<", "String", ",", "String", ">"];
/// The client renders and reads what goes over the wire.
const RENDERER: &str = "src/cci-incus/";

pub(crate) fn breaches(sources: &[Source]) -> Vec<Breach> {
    let names = Names::of(sources);
    let elsewhere = sources.iter().filter(|source| !source.path.starts_with(RENDERER));
    elsewhere.flat_map(|source| in_file(source, &names)).collect()
}

/// What maps of strings, and maps of those, are called besides.
#[derive(Default)]
struct Names {
    maps: BTreeSet<String>,
    maps_of_maps: BTreeSet<String>,
}

impl Names {
    fn of(sources: &[Source]) -> Self {
        let definitions: Vec<(String, Vec<Token>)> = sources.iter().flat_map(definitions).collect();
        let mut names = Self::default();
        // a name may stand for another one that stands for a third
        for _ in 0..definitions.len() {
            for (name, tokens) in &definitions {
                if names.starts_map_of_maps(tokens) {
                    names.maps_of_maps.insert(name.clone());
                } else if names.map_length(tokens) == Some(tokens.len()) {
                    names.maps.insert(name.clone());
                }
            }
        }
        names
    }

    /// How many tokens a map of strings takes, if one comes first.
    fn map_length(&self, tokens: &[Token]) -> Option<usize> {
        let is_named = tokens.first().is_some_and(|first| self.maps.contains(&first.text));
        if is_named { Some(1) } else { starts_with(tokens, &MAP).then_some(MAP.len()) }
    }

    fn starts_map_of_maps(&self, tokens: &[Token]) -> bool {
        const OUTER: usize = 4;
        let is_written = starts_with(tokens, &MAP[..OUTER])
            && self
                .map_length(&tokens[OUTER..])
                .is_some_and(|length| tokens.get(OUTER + length).is_some_and(|token| token.text == ">"));
        is_written || tokens.first().is_some_and(|first| self.maps_of_maps.contains(&first.text))
    }
}

/// Each `type NAME = …;` of a file, without the paths before names.
fn definitions(source: &Source) -> Vec<(String, Vec<Token>)> {
    let all = without_paths(&source.tokens.all);
    let starts =
        (0..all.len()).filter(|at| all[*at].text == "type" && all.get(at + 2).is_some_and(|is| is.text == "="));
    let definition = |at: usize| {
        let tokens = all[at + 3..].iter().take_while(|token| token.text != ";").cloned();
        (all[at + 1].text.clone(), tokens.collect())
    };
    starts.map(definition).collect()
}

fn in_file(source: &Source, names: &Names) -> Vec<Breach> {
    let all = without_paths(&source.tokens.all);
    let found = (0..all.len()).filter(|at| names.starts_map_of_maps(&all[*at..]));
    found.map(|at| Breach::new(source, all[at].line, "a map of maps of strings")).collect()
}

fn starts_with(tokens: &[Token], expected: &[&str]) -> bool {
    tokens.len() >= expected.len() && expected.iter().zip(tokens).all(|(text, token)| token.text == *text)
}

/// `BTreeMap` for `std::collections::BTreeMap`.
fn without_paths(all: &[Token]) -> Vec<Token> {
    let is = |at: usize, text: &str| all.get(at).is_some_and(|token| token.text == text);
    let is_before_path = |at: usize| {
        (all[at].kind == Kind::Word && is(at + 1, ":") && is(at + 2, ":"))
            || (is(at, ":") && (is(at + 1, ":") || (at > 0 && is(at - 1, ":"))))
    };
    (0..all.len()).filter(|at| !is_before_path(*at)).map(|at| all[at].clone()).collect()
}
