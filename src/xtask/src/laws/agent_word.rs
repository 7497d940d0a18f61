//! The name of one agent stands in that agent's own file, in prose about a whole module, and in two keys of the
//! configuration that are older than the other agents.

use super::breaches::Breach;
use super::source::Source;

/// Where the word may stand.
const ALLOWED: [&str; 1] = ["src/cci-agent/"];
/// The keys, and the one file that knows them.
const KEYS: [&str; 2] = ["claude_uid", "mount_claude_config"];
const MODEL: &str = "src/cci-core/src/settings/model.rs";

pub(crate) fn breaches(sources: &[Source]) -> Vec<Breach> {
    let elsewhere = sources.iter().filter(|source| !ALLOWED.iter().any(|place| source.path.starts_with(place)));
    elsewhere.filter_map(|source| first(source).map(|line| Breach::new(source, line, "names claude"))).collect()
}

/// The first line that has the word; `//!` is prose.
fn first(source: &Source) -> Option<usize> {
    let is_test = |line: usize| source.tokens.test_lines.iter().any(|lines| lines.contains(&line));
    let keys: &[&str] = if source.path == MODEL { &KEYS } else { &[] };
    let lines = source.text.lines().zip(1..);
    let mut named = lines.filter(|(text, line)| {
        let text = keys.iter().fold((*text).to_owned(), |text, key| text.replace(key, ""));
        text.to_ascii_lowercase().contains("claude") && !text.trim_start().starts_with("//!") && !is_test(*line)
    });
    named.next().map(|(_, line)| line)
}
