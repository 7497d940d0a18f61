//! Lists of entries that have a name: what a package registry or a forge needs.

use super::entry::{Entry, EntryError};

/// Every list but the agent's, which its own crate knows.
const PRESETS: &str = include_str!("presets.txt");
/// Who the agent's is named after.
const AGENTS: &str = "@anthropic";

/// What one text of an allowlist stands for: an entry, or all those of a preset.
pub fn listed(raw: &str) -> Result<Vec<Entry>, EntryError> {
    let name = raw.trim();
    if !name.starts_with('@') {
        return Ok(vec![Entry::enforced(raw)?]);
    }
    let entries: Vec<&str> = if name == AGENTS { cci_agent::default_agent().domains().to_vec() } else { below(name) };
    if entries.is_empty() {
        return Err(EntryError::Preset(raw.to_owned(), names().collect::<Vec<_>>().join(", ")));
    }
    entries.into_iter().map(Entry::enforced).collect()
}

/// The names that there are.
fn names() -> impl Iterator<Item = &'static str> {
    std::iter::once(AGENTS).chain(PRESETS.lines().filter(|line| line.starts_with('@')))
}

/// The lines below a name.
fn below(name: &str) -> Vec<&'static str> {
    PRESETS.lines().skip_while(|line| *line != name).skip(1).take_while(|line| !line.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[track_caller]
    fn has(preset: &str, entries: &[&str]) {
        let there: BTreeSet<String> = listed(preset).unwrap().iter().map(Entry::to_string).collect();
        for entry in entries {
            assert!(there.contains(*entry), "{preset}: {there:?}");
        }
    }

    #[test]
    fn anthropic_is_what_the_agent_needs() {
        has("@anthropic", &["api.anthropic.com"]);
    }

    #[test]
    fn crates_are_indexed_and_fetched() {
        has("@crates", &["index.crates.io:443", "static.crates.io:443"]);
    }

    #[test]
    fn debian_is_updated_and_mended() {
        has("@debian", &["deb.debian.org:80,443", "security.debian.org:80,443"]);
    }

    #[test]
    fn github_is_cloned_asked_and_fetched_from() {
        has("@github", &["github.com:22,443", "api.github.com:443", "codeload.github.com:443"]);
    }

    #[test]
    fn npm_has_its_registry() {
        has("@npm", &["registry.npmjs.org:443"]);
    }

    #[test]
    fn pypi_is_indexed_and_fetched() {
        has("@pypi", &["pypi.org:443", "files.pythonhosted.org:443"]);
    }

    #[test]
    fn every_preset_is_sorted_whole_and_without_addresses() {
        let all: Vec<&str> = names().collect();
        assert!(all.is_sorted(), "{all:?}");
        for name in all {
            for entry in listed(name).unwrap() {
                assert!(matches!(entry.target, crate::network::Target::Name(_)), "{name}: {entry}");
            }
        }
    }

    #[test]
    fn what_is_no_preset_says_which_there_are() {
        for raw in ["@", "@nothing", "@npm:443", "@NPM"] {
            let error = listed(raw).unwrap_err().to_string();
            assert!(error.contains("@anthropic, @crates, @debian, @github, @npm, @pypi"), "{error}");
        }
        assert_eq!(listed("a.example:443").unwrap(), ["a.example:443".parse().unwrap()]);
        assert!(listed("*.example.com").is_ok() && listed("*.example.com:22").is_err());
    }
}
