//! What breaks a law, and what is known to do so today.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::source::{self, Source};
use super::{agent_word, circles, map_of_maps, one_way, sentences, site, statics};
use crate::step::root;

/// One place that breaks a law.
#[derive(Debug)]
pub(crate) struct Breach {
    pub(crate) file: String,
    line: usize,
    what: String,
}

impl Breach {
    pub(crate) fn new(source: &Source, line: usize, what: impl Into<String>) -> Self {
        Self::at(&source.path, line, what)
    }

    pub(crate) fn at(file: &str, line: usize, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, what: what.into() }
    }
}

const LIST: &str = "src/xtask/breaches.txt";

type Law = fn(&[Source]) -> Vec<Breach>;

pub(crate) const LAWS: [(&str, Law); 7] = [
    ("agent-word", agent_word::breaches),
    ("circle", circles::breaches),
    ("map-of-maps", map_of_maps::breaches),
    ("one-way", one_way::breaches),
    ("sentence", sentences::breaches),
    ("site", site::breaches),
    ("static", statics::breaches),
];

/// Whether this checkout breaks no law but where its list says so.
pub(crate) fn check_checkout() -> Result<(), String> {
    let list = fs::read_to_string(root().join(LIST)).map_err(|error| format!("cannot read {LIST}: {error}"))?;
    check(&root(), &list).map_err(|wrong| format!("{LIST} and the sources differ:\n{wrong}"))
}

/// Whether the sources below a root break no law but where the list, lines of `law file`, says so.
pub(crate) fn check(root: &Path, list: &str) -> Result<(), String> {
    let sources = source::all(root)?;
    let listed: BTreeSet<(&str, &str)> = list.lines().filter_map(|line| line.split_once(' ')).collect();
    let mut wrong = Vec::new();
    for (law, breaches) in LAWS {
        let found = breaches(&sources);
        let new = found.iter().filter(|breach| !listed.contains(&(law, breach.file.as_str())));
        wrong.extend(new.map(|breach| format!("{law} {}:{}: {}", breach.file, breach.line, breach.what)));
        let files: BTreeSet<&str> = found.iter().map(|breach| breach.file.as_str()).collect();
        let well = listed.iter().filter(|(name, file)| *name == law && !files.contains(file));
        wrong.extend(well.map(|(_, file)| format!("{law} {file}: is well; take it off the list")));
    }
    let unknown = listed.iter().filter(|(name, _)| !LAWS.iter().any(|(law, _)| law == name));
    wrong.extend(unknown.map(|(name, _)| format!("the list names a law '{name}' that is none")));
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}
