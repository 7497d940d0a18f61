//! No circle of modules: what a module needs does not need that module.

use std::collections::{BTreeMap, BTreeSet};

use super::breaches::Breach;
use super::module_tree::ModuleTree;
use super::source::Source;

pub(crate) fn breaches(sources: &[Source]) -> Vec<Breach> {
    let mut crates: BTreeMap<String, BTreeMap<Vec<String>, &Source>> = BTreeMap::new();
    for source in sources {
        let (name, module) = source.module();
        crates.entry(name).or_default().insert(module, source);
    }
    crates.into_values().flat_map(|files| in_crate(&ModuleTree::new(files).needs())).collect()
}

/// A breach for each file that is on a circle, with the shortest one.
fn in_crate(needs: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<Breach> {
    let circle = |file: &str| shortest(needs, file).map(|circle| Breach::at(file, 1, circle.join(" → ")));
    needs.keys().filter_map(|file| circle(file)).collect()
}

/// The shortest way from a file back to it.
fn shortest<'a>(needs: &BTreeMap<&'a str, BTreeSet<&'a str>>, file: &str) -> Option<Vec<String>> {
    let start: &str = needs.keys().find(|known| **known == file)?;
    let mut seen = BTreeSet::new();
    let mut ways = std::collections::VecDeque::from([vec![start]]);
    while let Some(way) = ways.pop_front() {
        for next in needs.get(way.last()?).into_iter().flatten() {
            let further: Vec<&str> = way.iter().copied().chain([*next]).collect();
            if *next == start {
                return Some(further.into_iter().map(str::to_owned).collect());
            }
            if seen.insert(*next) {
                ways.push_back(further);
            }
        }
    }
    None
}
