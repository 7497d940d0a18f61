//! Nobody but the client reads an English sentence of Incus.

use super::breaches::Breach;
use super::source::Source;
use super::tokens::{Kind, Token};

/// The client, and the types that it makes of what Incus says.
const CLIENT: &str = "src/cci-incus";
/// What Incus says, as far as cci has ever had to tell it.
const KNOWN: [&str; 10] = [
    "Failed to retrieve PID",
    "Failed to run mount hooks",
    "forkstart",
    "UNIQUE constraint",
    "Instance is busy",
    "Cleaning up instance",
    "Deleting instance",
    "Restarting instance",
    "Starting instance",
    "Stopping instance",
];
/// What a value is called that holds such a sentence.
const MESSAGES: [&str; 7] = ["cause", "description", "err", "error", "message", "reason", "refusal"];
/// How a sentence is read.
const READERS: [&str; 7] =
    ["contains", "ends_with", "find", "split_once", "starts_with", "strip_prefix", "strip_suffix"];

pub(crate) fn breaches(sources: &[Source]) -> Vec<Breach> {
    sources.iter().filter(|source| !source.path.starts_with(CLIENT)).flat_map(in_file).collect()
}

fn in_file(source: &Source) -> Vec<Breach> {
    let all = &source.tokens.all;
    let is_known = |token: &Token| token.kind == Kind::Literal && KNOWN.iter().any(|text| token.text.contains(text));
    let known = all.iter().filter(|token| is_known(token));
    let known = known.map(|token| Breach::new(source, token.line, format!("knows the sentence {}", token.text)));
    let read = (0..all.len()).filter(|at| reads_a_message(all, *at));
    let read = read.map(|at| Breach::new(source, all[at].line, format!("reads a message by `{}`", all[at].text)));
    known.chain(read).collect()
}

/// Whether `.contains(` or the like stands behind a message: `error.message.contains("…")`, `message.as_str().find(…)`.
fn reads_a_message(all: &[Token], at: usize) -> bool {
    let is_call = all.get(at + 1).is_some_and(|token| token.text == "(");
    if !is_call || at == 0 || all[at - 1].text != "." || !READERS.contains(&all[at].text.as_str()) {
        return false;
    }
    let receiver = all[..at].iter().rev();
    let chain = receiver.take_while(|token| token.kind == Kind::Word || [".", "(", ")"].contains(&token.text.as_str()));
    // an open parenthesis that is not closed again belongs to a call around all of it
    let mut depth = 0_i32;
    let chain = chain.take_while(|token| {
        depth += match token.text.as_str() {
            ")" => 1,
            "(" => -1,
            _ => 0,
        };
        depth >= 0
    });
    chain.into_iter().any(|token| MESSAGES.contains(&token.text.as_str()))
}
