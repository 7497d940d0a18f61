//! The one table of agents.

mod claude;
mod dummy;

use crate::agent::Agent;

/// Every agent that cci knows; the first is the default.
static AGENTS: &[&dyn Agent] = &[&claude::Claude, &dummy::Dummy];

/// Every agent that cci knows.
pub fn agents() -> impl Iterator<Item = &'static dyn Agent> {
    AGENTS.iter().copied()
}

/// Those of them that are installed in an image, and so have versions there.
pub fn installable() -> impl Iterator<Item = &'static dyn Agent> {
    agents().filter(|agent| agent.install().is_some())
}

/// Agents that cci does not start, and that a person may have on the host.
const OTHERS: [&str; 8] =
    [".codex/", ".gemini/", ".cursor/", ".qwen/", ".opencode/", "opencode.json", "opencode.jsonc", ".aider.conf.yml"];

/// Where in a workspace any agent has settings that run something, as patterns of `.gitignore`.
#[must_use]
pub fn settings_in_workspace() -> Vec<String> {
    let own = agents().flat_map(Agent::settings_in_workspace);
    own.chain(&OTHERS).map(|pattern| (*pattern).to_owned()).collect()
}

/// The default agent.
#[must_use]
pub fn default_agent() -> &'static dyn Agent {
    AGENTS[0]
}

/// The agent of this name, if cci knows it.
#[must_use]
pub fn known(name: &str) -> Option<&'static dyn Agent> {
    agents().find(|agent| agent.name() == name)
}

/// The agent of this name. One that cci does not know is treated like the default one, which many resemble.
#[must_use]
pub fn agent(name: &str) -> &'static dyn Agent {
    known(name).unwrap_or_else(default_agent)
}

/// The names of all agents, for a sentence: "a, b and c" with the word "and".
#[must_use]
pub fn names(word: &str) -> String {
    let names: Vec<&str> = agents().map(Agent::name).collect();
    match names.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} {word} {last}", before.join(", ")),
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Component, Path, PathBuf};

    use super::*;
    use crate::import::Import;
    use crate::seed::HostPlace;

    fn stays_below(place: &Path) -> bool {
        place.components().all(|part| matches!(part, Component::Normal(_)))
    }

    #[test]
    fn each_agent_has_a_name_of_its_own_that_a_configuration_can_have() {
        let names: BTreeSet<&str> = agents().map(Agent::name).collect();
        assert_eq!(names.len(), AGENTS.len());
        let plain = |name: &str| name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
        assert!(names.into_iter().all(|name| !name.is_empty() && plain(name)));
    }

    #[test]
    fn no_agent_reads_or_writes_beside_the_places_it_is_given() {
        let named = Some(PathBuf::from("/home/u/named"));
        for (agent, named) in agents().flat_map(|agent| [(agent, None), (agent, named.clone())]) {
            let place = HostPlace { home: "/home/u".into(), named: named.clone() };
            let sources = agent.sources(&place, &Import::default());
            let copied = sources.copied.iter();
            for place in copied.clone().map(|one| &one.host).chain(sources.host.iter().map(|one| &one.path)) {
                let below = named.as_deref().unwrap_or(Path::new("/home/u"));
                assert!(place.strip_prefix(below).is_ok_and(stays_below), "{}: {place:?}", agent.name());
            }
            let inside = copied.map(|one| one.session.as_path()).chain(sources.session.iter().map(Path::new));
            let further = sources.workspace.iter().chain(agent.protected()).copied();
            let further = further.chain(agent.transcripts().map(|transcripts| transcripts.dir));
            for place in inside.chain(further.map(Path::new)).chain([Path::new(agent.state_dir())]) {
                assert!(stays_below(place), "{}: {place:?}", agent.name());
            }
        }
    }

    #[test]
    fn an_agent_that_is_not_known_is_treated_like_the_default_one() {
        assert_eq!(agent("dummy").name(), "dummy");
        assert_eq!(agent("mine").name(), default_agent().name());
        assert!(known("mine").is_none());
        let (names, last) = (names("or"), AGENTS[AGENTS.len() - 1].name());
        assert!(names.starts_with(default_agent().name()) && names.ends_with(&format!(" or {last}")), "{names}");
    }
}
