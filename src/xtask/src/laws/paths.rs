//! The paths that a file names: those of its `use` lines, and those in its code.

use super::tokens::{Kind, Token};

/// A path as it is written, and what it is called here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedPath {
    pub(crate) path: Vec<String>,
    pub(crate) name: String,
    pub(crate) line: usize,
    /// `pub use`: a door to something elsewhere, and no need of it here.
    pub(crate) is_door: bool,
}

/// All of them, in the order of the file.
pub(crate) fn all(tokens: &[Token]) -> Vec<NamedPath> {
    let (mut paths, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        let token = &tokens[at];
        if token.kind != Kind::Word {
            at += 1;
        } else if token.text == "use" {
            let length = tokens[at..].iter().position(|token| token.text == ";").unwrap_or(tokens.len() - at);
            let mut found = Vec::new();
            tree(&tokens[at + 1..at + length], &mut Vec::new(), &mut found);
            let is_door = at > 0 && (tokens[at - 1].text == "pub" || tokens[at - 1].text == ")");
            paths.extend(found.into_iter().map(|(path, name)| NamedPath { path, name, line: token.line, is_door }));
            at += length;
        } else {
            let path = chain(&tokens[at..]);
            at += path.len() * 3 - 2;
            if path.len() > 1 {
                let name = path.last().cloned().unwrap_or_default();
                paths.push(NamedPath { path, name, line: token.line, is_door: false });
            }
        }
    }
    paths
}

/// The words at the start that are joined by `::`.
fn chain(tokens: &[Token]) -> Vec<String> {
    let mut words = vec![tokens[0].text.clone()];
    let mut rest = &tokens[1..];
    while let [first, second, word, ..] = rest
        && (first.text.as_str(), second.text.as_str(), word.kind) == (":", ":", Kind::Word)
    {
        words.push(word.text.clone());
        rest = &rest[3..];
    }
    words
}

/// The paths of a tree of `use`, with the names that they get.
fn tree(tokens: &[Token], before: &mut Vec<String>, found: &mut Vec<(Vec<String>, String)>) {
    let depth = before.len();
    let mut rest = tokens;
    while let Some((first, others)) = rest.split_first() {
        match first.text.as_str() {
            ":" => rest = others,
            "," => {
                before.truncate(depth);
                rest = others;
            }
            "{" => {
                let length = closing(rest);
                tree(&rest[1..length], before, found);
                rest = &rest[length + 1..];
                before.truncate(depth);
            }
            "as" => {
                if let (Some(last), Some(name)) = (found.last_mut(), others.first()) {
                    last.1.clone_from(&name.text);
                }
                rest = &others[1.min(others.len())..];
            }
            word => {
                before.push(word.to_owned());
                rest = others;
                if rest.first().is_none_or(|next| next.text != ":") {
                    let path = before.clone();
                    before.truncate(depth);
                    // `a::{self}` is a
                    let path = if word == "self" && path.len() > 1 { path[..path.len() - 1].to_vec() } else { path };
                    let name = path.last().cloned().unwrap_or_default();
                    found.push((path, name));
                }
            }
        }
    }
}

/// Where the brace closes that comes first.
fn closing(tokens: &[Token]) -> usize {
    let mut depth = 0_i32;
    let close = tokens.iter().position(|token| {
        depth += match token.text.as_str() {
            "{" => 1,
            "}" => -1,
            _ => 0,
        };
        depth == 0
    });
    close.unwrap_or(tokens.len() - 1)
}
