//! One rule of a policy, as Incus takes it.

use super::block::Block;
use super::entry::Ports;

/// What happens to traffic that matches a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Refused at once. Takes precedence over every allow, wherever it is listed.
    Reject,
    /// Let through.
    Allow,
}

/// A rule about traffic that leaves a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// What happens.
    pub action: Action,
    /// Where to.
    pub to: Vec<Block>,
    /// Which TCP and UDP ports; if none, every port and every protocol.
    pub ports: Ports,
    /// The reason, for people.
    pub why: String,
}

impl Rule {
    /// Refuses everything to these blocks.
    pub(super) fn reject(to: impl IntoIterator<Item = Block>, why: &str) -> Self {
        Self { action: Action::Reject, to: to.into_iter().collect(), ports: Ports::default(), why: why.to_owned() }
    }

    /// Lets these ports of these blocks through.
    pub(super) fn allow(to: impl IntoIterator<Item = Block>, ports: Ports, why: &str) -> Self {
        Self { action: Action::Allow, to: to.into_iter().collect(), ports, why: why.to_owned() }
    }

    /// The destinations with commas between them.
    #[must_use]
    pub fn destination(&self) -> String {
        self.to.iter().map(Block::to_string).collect::<Vec<_>>().join(",")
    }
}
