//! The name of the first agent stands in that agent's own crate, in prose about a whole module, and in two keys of the
//! configuration that are older than the other agents.

use cci_core::settings::{AGENT_CONFIG, AGENT_UID};

use super::breaches::Breach;
use super::source::Source;

/// Where the word may stand.
const ALLOWED: [&str; 1] = ["src/cci-agent/"];
/// The one file that knows the keys.
const MODEL: &str = "src/cci-core/src/settings/model.rs";

pub(crate) fn breaches(sources: &[Source]) -> Vec<Breach> {
    let word = cci_agent::default_agent().name();
    let elsewhere = sources.iter().filter(|source| !ALLOWED.iter().any(|place| source.path.starts_with(place)));
    let named = elsewhere.filter_map(|source| Some((source, first(source, word)?)));
    named.map(|(source, line)| Breach::new(source, line, format!("names {word}"))).collect()
}

/// The first line that has the word; `//!` is prose.
fn first(source: &Source, word: &str) -> Option<usize> {
    let is_test = |line: usize| source.tokens.test_lines.iter().any(|lines| lines.contains(&line));
    let has_word = |text: &str| text.to_ascii_lowercase().contains(word) && !text.trim_start().starts_with("//!");
    let lines = source.text.lines().zip(1..);
    let mut named = lines.filter(|(text, line)| {
        let is_named = if source.path == MODEL { has_word(&without_keys(text)) } else { has_word(text) };
        is_named && !is_test(*line)
    });
    named.next().map(|(_, line)| line)
}

/// A line without the keys, which have their section's name before them or not.
fn without_keys(text: &str) -> String {
    let keys = [AGENT_CONFIG, AGENT_UID].map(|key| key.rsplit('.').next().unwrap_or(key));
    keys.iter().fold(text.to_owned(), |text, key| text.replace(key, ""))
}
