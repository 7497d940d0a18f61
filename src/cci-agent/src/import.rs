//! Which parts of the agent's configuration on the host come into sessions (`tool.import`).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// A part of an agent's configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Its settings, with the scripts that they run.
    Settings,
    /// What it is told at the start of every conversation.
    Instructions,
    /// Rules for files of certain kinds.
    Rules,
    /// Commands of the user's own.
    Commands,
    /// Agents that it can ask.
    Agents,
    /// Skills.
    Skills,
    /// Workflows.
    Workflows,
    /// Styles of its answers.
    OutputStyles,
    /// What it runs at events, and the scripts for that.
    Hooks,
    /// Plugins that are switched on.
    Plugins,
    /// MCP servers.
    Mcp,
}

impl Part {
    /// Each part by its name in the configuration, in the order of the documentation.
    pub const NAMES: [&str; 11] = [
        "settings",
        "instructions",
        "rules",
        "commands",
        "agents",
        "skills",
        "workflows",
        "output-styles",
        "hooks",
        "plugins",
        "mcp",
    ];
    const ALL: [Self; 11] = [
        Self::Settings,
        Self::Instructions,
        Self::Rules,
        Self::Commands,
        Self::Agents,
        Self::Skills,
        Self::Workflows,
        Self::OutputStyles,
        Self::Hooks,
        Self::Plugins,
        Self::Mcp,
    ];
}

/// The parts that come along; all of them by default. How a session is let in does not depend on them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import(BTreeSet<Part>);

impl Import {
    /// These and no others.
    pub fn only(parts: impl IntoIterator<Item = Part>) -> Self {
        Self(parts.into_iter().collect())
    }

    /// Whether a part comes along.
    #[must_use]
    pub fn has(&self, part: Part) -> bool {
        self.0.contains(&part)
    }

    /// Whether no part comes along that does not come with the other.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }
}

impl Default for Import {
    fn default() -> Self {
        Self::only(Part::ALL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_its_name_in_a_configuration() {
        let written = serde_json::to_value(Import::default()).unwrap();
        assert_eq!(written, serde_json::json!(Part::NAMES));
        assert_eq!(serde_json::from_value::<Import>(written).unwrap(), Import::default());
        assert!(serde_json::from_str::<Import>("[\"projects\"]").is_err());
    }

    #[test]
    fn fewer_parts_are_within_more() {
        let few = Import::only([Part::Skills]);
        assert!(few.is_within(&Import::default()) && few.is_within(&few) && Import::only([]).is_within(&few));
        assert!(!Import::default().is_within(&few) && !Import::only([Part::Hooks]).is_within(&few));
    }
}
