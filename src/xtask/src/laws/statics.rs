//! No static holds state: two use-cases in one process must not meet in it.

use super::breaches::Breach;
use super::source::Source;
use super::tokens::{Kind, Token};

const CELLS: [&str; 10] =
    ["Cell", "LazyCell", "LazyLock", "Mutex", "Once", "OnceCell", "OnceLock", "RefCell", "RwLock", "UnsafeCell"];

pub(crate) fn breaches(sources: &[Source]) -> Vec<Breach> {
    sources.iter().flat_map(in_file).collect()
}

fn in_file(source: &Source) -> Vec<Breach> {
    let all = &source.tokens.all;
    let statics = (0..all.len()).filter(|at| is_static(all, *at));
    let stateful = statics.filter(|at| {
        // `static NAME: TYPE = …`
        let kind = all[at + 1..].iter().take_while(|token| token.text != "=" && token.text != ";");
        kind.into_iter().any(|token| CELLS.contains(&token.text.as_str()) || token.text.starts_with("Atomic"))
    });
    stateful.map(|at| Breach::new(source, all[at].line, "a static with state")).collect()
}

fn is_static(all: &[Token], at: usize) -> bool {
    let is_lifetime = at > 0 && all[at - 1].text == "'";
    all[at].kind == Kind::Word && all[at].text == "static" && !is_lifetime
}
