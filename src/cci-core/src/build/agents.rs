//! The agents of an image, as its properties note them: which versions it has, and at which they are pinned.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use cci_agent::Agent;

/// What the property with an agent's version starts with.
const VERSION: &str = "user.cci.agent.";
/// What the property with the version that an agent is pinned at starts with; an empty one pins nothing.
const PIN: &str = "user.cci.pin.";
/// What installs the newest version of an agent.
pub const LATEST: &str = "latest";

/// An exact version of an agent, such as `3.2.1`; never a range, a tag or a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(String);

/// A text that is no exact version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an exact version such as 1.2.3")]
pub struct NoVersion(String);

impl FromStr for Version {
    type Err = NoVersion;

    fn from_str(raw: &str) -> Result<Self, NoVersion> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
        let (number, rest) = raw.split_once('.').unwrap_or_default();
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let goes_on = rest.starts_with(|c: char| c.is_ascii_digit());
        if is_number && goes_on && raw.len() <= 64 && raw.chars().all(fits) {
            Ok(Self(raw.to_owned()))
        } else {
            Err(NoVersion(raw.chars().take(64).collect()))
        }
    }
}

impl Version {
    /// What a program prints of its version, as in `3.2.1 (An Agent)` or `agent-cli 0.5.1`.
    #[must_use]
    pub fn printed(line: &str) -> Option<Self> {
        line.split_whitespace().find_map(|word| word.parse().ok())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The versions and the pins of an image's agents, by the agents' names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agents {
    /// Which version of each it has.
    pub versions: BTreeMap<String, Version>,
    /// At which version one stays.
    pub pins: BTreeMap<String, Version>,
}

impl Agents {
    /// As noted in an image's properties. What is no version is not noted.
    #[must_use]
    pub fn of(properties: &BTreeMap<String, String>) -> Self {
        let with = |prefix: &str| {
            let noted = properties.iter().filter_map(|(key, value)| Some((key.strip_prefix(prefix)?, value)));
            noted.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
        };
        Self { versions: with(VERSION), pins: with(PIN) }
    }

    /// The properties that note them, of every agent: a container takes those of its image along into the next one, so
    /// what does not hold any longer is said to be empty.
    pub fn properties(&self) -> impl Iterator<Item = (String, String)> {
        cci_agent::installable().map(Agent::name).flat_map(|name| {
            let version = self.versions.get(name).map(Version::to_string).unwrap_or_default();
            [(format!("{VERSION}{name}"), version), pin(name, self.pins.get(name))]
        })
    }

    /// What the registry is asked for.
    #[must_use]
    pub fn wanted(&self, name: &str) -> String {
        self.pins.get(name).map_or_else(|| LATEST.to_owned(), Version::to_string)
    }

    /// Whether an agent is what it is pinned at.
    #[must_use]
    pub fn is_as_pinned(&self, name: &str) -> bool {
        self.pins.get(name).is_some_and(|pin| self.versions.get(name) == Some(pin))
    }
}

/// Whether a property notes a version or a pin.
#[must_use]
pub fn is_of_agents(key: &str) -> bool {
    key.starts_with(VERSION) || key.starts_with(PIN)
}

/// The property that pins an agent at a version, or at none.
#[must_use]
pub fn pin(name: &str, version: Option<&Version>) -> (String, String) {
    (format!("{PIN}{name}"), version.map(Version::to_string).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(raw: &str) -> Version {
        raw.parse().unwrap()
    }

    #[test]
    fn a_version_is_exact_and_never_a_flag_a_range_or_another_package() {
        for raw in ["1.2.3", "0.5", "2.1.0-beta.1", "1.0.0+x"] {
            assert_eq!(raw.parse::<Version>().unwrap().to_string(), raw);
        }
        for raw in
            ["", "1", "latest", "^1.2", "1.x", "1.2 || 3", "--force", "1.2/../x", ".1", "1.", "npm:x@1.2", "1.2\n"]
        {
            assert!(raw.parse::<Version>().is_err(), "{raw}");
        }
        assert!("1.".repeat(40).parse::<Version>().is_err());
    }

    #[test]
    fn what_a_program_prints_of_itself_has_its_version() {
        assert_eq!(Version::printed("3.2.1 (An Agent)"), Some(version("3.2.1")));
        assert_eq!(Version::printed("agent-cli 0.5.1"), Some(version("0.5.1")));
        assert_eq!(Version::printed("sh: not found"), None);
    }

    #[test]
    fn what_is_noted_is_read_again() {
        let name = cci_agent::default_agent().name();
        let noted = |version: &Version| BTreeMap::from([(name.to_owned(), version.clone())]);
        let agents = Agents { versions: noted(&version("1.2")), pins: noted(&version("1.2")) };
        let mut properties: BTreeMap<String, String> = agents.properties().collect();
        assert!(properties.keys().all(|key| is_of_agents(key)));
        assert_eq!(Agents::of(&properties), agents);
        assert!(agents.is_as_pinned(name) && agents.wanted(name) == "1.2");
        let free = Agents { pins: BTreeMap::new(), ..agents };
        assert!(!free.is_as_pinned(name) && free.wanted(name) == LATEST);
        properties.insert("user.cci.agent.x".into(), "\u{1b}[31m".into());
        properties.extend(free.properties());
        assert_eq!(Agents::of(&properties), free, "an old pin does not come back");
    }
}
