//! Named profiles: the shipped ones, those of the files, and what each inherits.

use std::collections::BTreeSet;

use cci_core::{Error, Result};

use super::layer::{Layer, Profile, Source, Values};
use super::nearest::nearest;
use super::problem::Problem;
use super::{file, problem};
use crate::caller::Caller;

/// How many profiles may inherit from one another.
const MAX_DEPTH: usize = 8;

/// A profile shipped with cci.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shipped {
    pub name: &'static str,
    pub(crate) text: &'static str,
    /// The script for `cci build custom` that builds its image.
    pub script: Option<&'static str>,
}

/// The profiles shipped with cci.
#[must_use]
pub fn shipped() -> [Shipped; 6] {
    macro_rules! text {
        ($file:literal) => {
            include_str!(concat!("../../../../profiles/", $file))
        };
    }
    [
        Shipped { name: "default", text: text!("default.toml"), script: None },
        Shipped { name: "gvisor", text: text!("gvisor.toml"), script: Some(text!("gvisor.sh")) },
        Shipped { name: "hardened", text: text!("hardened.toml"), script: None },
        Shipped { name: "node", text: text!("node.toml"), script: Some(text!("node.sh")) },
        Shipped { name: "python", text: text!("python.toml"), script: Some(text!("python.sh")) },
        Shipped { name: "rust", text: text!("rust.toml"), script: Some(text!("rust.sh")) },
    ]
}

/// The shipped profiles as the lowest layer.
pub(super) fn shipped_layer(caller: &Caller) -> Result<Layer> {
    let mut layer = Layer::new(Source::BuiltIn);
    for one in shipped() {
        let (path, source) = (format!("profiles/{}.toml", one.name), Source::Shipped(one.name.to_owned()));
        let profile = file::profile(path.as_ref(), source, one.text.as_bytes(), caller)
            .map_err(|problems| problem::as_error(&problems))?;
        layer.profiles.insert(one.name.to_owned(), profile);
    }
    Ok(layer)
}

/// The values of a profile, inherited ones first; within one profile the layers low to high.
pub(super) fn chain<'a>(name: &str, layers: &[&'a Layer]) -> Result<Vec<&'a Values>> {
    let mut line: Vec<String> = Vec::new();
    let mut next = Some(name.to_owned());
    while let Some(name) = next {
        if line.contains(&name) {
            line.push(name);
            return Err(wrong(format!("profile '{}' inherits itself: {}", line[0], line.join(" → "))));
        }
        if line.len() == MAX_DEPTH {
            return Err(wrong(format!("profile '{}' inherits more than {MAX_DEPTH} others", line[0])));
        }
        let parts = parts(&name, layers);
        if parts.is_empty() {
            return Err(unknown(&name, line.last().map(String::as_str), layers));
        }
        next = parts.iter().rev().find_map(|part| part.inherits.clone());
        line.push(name);
    }
    let all = line.iter().rev().flat_map(|name| parts(name, layers));
    Ok(all.map(|part| &part.values).collect())
}

/// What the layers set for one profile, low to high.
pub(super) fn parts<'a>(name: &str, layers: &[&'a Layer]) -> Vec<&'a Profile> {
    layers.iter().filter_map(|layer| layer.profiles.get(name)).collect()
}

/// The names of all profiles.
pub(super) fn names(layers: &[&Layer]) -> BTreeSet<String> {
    layers.iter().flat_map(|layer| layer.profiles.keys().cloned()).collect()
}

fn unknown(name: &str, heir: Option<&str>, layers: &[&Layer]) -> Error {
    let damaged: Vec<Problem> = layers.iter().filter_map(|layer| layer.damaged.get(name)).flatten().cloned().collect();
    if !damaged.is_empty() {
        return problem::as_error(&damaged);
    }
    let known = names(layers);
    let inherited = heir.map(|heir| format!(", which profile '{heir}' inherits")).unwrap_or_default();
    let listed: Vec<&str> = known.iter().map(String::as_str).collect();
    Error::Config {
        problem: format!("unknown profile '{name}'{inherited} (known: {})", listed.join(", ")),
        hint: Some(match nearest(name, listed) {
            Some(near) => format!("did you mean '{near}'?"),
            None => "create one with `cci profile create NAME`".to_owned(),
        }),
    }
}

fn wrong(problem: String) -> Error {
    Error::Config { problem, hint: None }
}
