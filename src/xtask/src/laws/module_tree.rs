//! The modules of one crate and which of them need which others.

use std::collections::{BTreeMap, BTreeSet};

use super::paths::{self, NamedPath};
use super::source::Source;
use super::tokens::{Kind, Token};

type Module = Vec<String>;

/// One crate.
pub(crate) struct ModuleTree<'a> {
    files: BTreeMap<Module, &'a Source>,
    paths: BTreeMap<Module, Vec<NamedPath>>,
}

impl<'a> ModuleTree<'a> {
    pub(crate) fn new(files: BTreeMap<Module, &'a Source>) -> Self {
        let paths = files.iter().map(|(module, source)| (module.clone(), paths::all(&source.tokens.all))).collect();
        Self { files, paths }
    }

    /// The files that each file needs, by name.
    pub(crate) fn needs(&self) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
        let mut needs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (module, source) in &self.files {
            let own = needs.entry(&source.path).or_default();
            let paths = self.paths[module].iter().filter(|path| !path.is_door);
            own.extend(paths.filter_map(|path| self.file(module, &path.path)).filter(|file| *file != source.path));
            for owner in self.extended_elsewhere(module, source) {
                needs.entry(owner).or_default().insert(&source.path);
            }
        }
        needs
    }

    fn file(&self, module: &Module, path: &[String]) -> Option<&'a str> {
        self.resolved(module, path, 0).map(|module| self.files[&module].path.as_str())
    }

    /// The module that has what a path names, seen from another module.
    fn resolved(&self, from: &Module, path: &[String], doors: usize) -> Option<Module> {
        const ENOUGH: usize = 8;
        let (mut at, mut rest) = (from.clone(), path);
        match path.first()?.as_str() {
            "crate" => (at, rest) = (Module::new(), &path[1..]),
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|word| word == "super") {
                    at.pop();
                    rest = &rest[1..];
                }
            }
            // a child, or what a line of `use` has brought here: that line counts
            child if !self.files.contains_key(&joined(from, child)) => return None,
            _ => {}
        }
        while let Some((word, below)) = rest.split_first() {
            let deeper = joined(&at, word);
            if self.files.contains_key(&deeper) {
                (at, rest) = (deeper, below);
                continue;
            }
            let door = self.paths.get(&at)?.iter().find(|path| path.is_door && path.name == *word);
            return match door {
                Some(door) if doors < ENOUGH => {
                    let behind = [&door.path[..], below].concat();
                    Some(self.resolved(&at, &behind, doors + 1).unwrap_or(at))
                }
                _ => Some(at),
            };
        }
        self.files.contains_key(&at).then_some(at)
    }

    /// The files that call a method which one of their types gets here: they need this file without saying so.
    fn extended_elsewhere(&self, module: &Module, source: &Source) -> Vec<&'a str> {
        let mut owners = Vec::new();
        for (name, methods) in inherent_impls(source) {
            let mut imports = self.paths[module].iter().filter(|path| path.name == name);
            let owner = imports.find_map(|path| self.resolved(module, &path.path, 0));
            let Some(owner) = owner.filter(|owner| owner != module) else { continue };
            if calls(self.files[&owner], &methods) {
                owners.push(self.files[&owner].path.as_str());
            }
        }
        owners
    }
}

fn joined(module: &Module, word: &str) -> Module {
    let mut deeper = module.clone();
    deeper.push(word.to_owned());
    deeper
}

/// Whether a file has `.method(` for one of these.
fn calls(source: &Source, methods: &[&str]) -> bool {
    let text = |token: &Token| token.text.clone();
    source.tokens.all.windows(3).any(|three| {
        let [dot, name, open] = [text(&three[0]), text(&three[1]), text(&three[2])];
        dot == "." && open == "(" && methods.contains(&name.as_str())
    })
}

/// Each type behind an `impl` without a trait, with the methods that it gets.
fn inherent_impls(source: &Source) -> Vec<(&str, Vec<&str>)> {
    let all = &source.tokens.all;
    let starts = (0..all.len()).filter(|at| all[*at].text == "impl");
    let found = starts.filter_map(|at| {
        let header = all[at + 1..].iter().take_while(|token| token.text != "{").count();
        let header = &all[at + 1..=at + header];
        let name = type_name(header)?;
        Some((name, methods(&all[at + 1 + header.len()..])))
    });
    found.collect()
}

/// `Name` of `<T> Name<T> where …`; nothing where a trait is made for it.
fn type_name(header: &[Token]) -> Option<&str> {
    let mut depth = 0_i32;
    let name = header.iter().find(|token| {
        depth += match token.text.as_str() {
            "<" => 1,
            ">" => -1,
            _ => 0,
        };
        depth == 0 && token.kind == Kind::Word
    })?;
    header.iter().all(|token| token.text != "for").then_some(name.text.as_str())
}

/// The names behind `fn`, up to the brace that closes the block.
fn methods(block: &[Token]) -> Vec<&str> {
    let mut depth = 1_i32;
    let inside = block.iter().take_while(|token| {
        depth += match token.text.as_str() {
            "{" => 1,
            "}" => -1,
            _ => 0,
        };
        depth > 0
    });
    let inside: Vec<&Token> = inside.collect();
    inside.windows(2).filter(|two| two[0].text == "fn").map(|two| two[1].text.as_str()).collect()
}
