//! The names of containers: `<prefix><hash8>-<slot>`, which scripts recompute.

use std::fmt;

use crate::slot::Slot;
use crate::workspace::{Workspace, WorkspaceHash};

/// What is wrong with a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is not of cci's form, so the container is not a session of ours.
    #[error("'{0}' is not a name that cci gives to its containers")]
    Shape(String),
    /// A prefix has to begin a valid Incus instance name.
    #[error("prefix '{0}' is not usable: letters, digits and dashes, starting with a letter, at most 40 characters")]
    Prefix(String),
}

/// What every name of this installation starts with (`cci-` unless `CCI_CONTAINER_PREFIX` says otherwise).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// Reads a prefix; it must leave the whole name a valid Incus instance name.
    pub fn parse(raw: &str) -> Result<Self, NameError> {
        let starts = raw.starts_with(|first: char| first.is_ascii_alphabetic());
        let plain = raw.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if starts && plain && raw.len() <= 40 {
            Ok(Self(raw.to_owned()))
        } else {
            Err(NameError::Prefix(raw.to_owned()))
        }
    }

    /// The prefix as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Prefix {
    fn default() -> Self {
        Self("cci-".to_owned())
    }
}

/// The name of a session's container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerName {
    prefix: Prefix,
    workspace: WorkspaceHash,
    slot: Slot,
}

impl ContainerName {
    /// The container of one slot of one workspace.
    #[must_use]
    pub fn new(prefix: &Prefix, workspace: &Workspace, slot: Slot) -> Self {
        Self { prefix: prefix.clone(), workspace: workspace.hash(), slot }
    }

    /// Reads a name that cci gave under `prefix`; any other container is not ours.
    pub fn parse(prefix: &Prefix, raw: &str) -> Result<Self, NameError> {
        let shape = || NameError::Shape(raw.to_owned());
        let rest = raw.strip_prefix(prefix.as_str()).ok_or_else(shape)?;
        let (hash, slot) = rest.split_once('-').ok_or_else(shape)?;
        let workspace = WorkspaceHash::parse(hash).ok_or_else(shape)?;
        let slot = slot.parse().map_err(|_| shape())?;
        Ok(Self { prefix: prefix.clone(), workspace, slot })
    }

    /// Its slot.
    #[must_use]
    pub fn slot(&self) -> Slot {
        self.slot
    }

    /// Its workspace's hash.
    #[must_use]
    pub fn workspace(&self) -> WorkspaceHash {
        self.workspace
    }
}

impl fmt::Display for ContainerName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}-{}", self.prefix.0, self.workspace, self.slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_name_is_the_one_that_scripts_compute() {
        let workspace = Workspace::at("/home/u/proj");
        let name = ContainerName::new(&Prefix::default(), &workspace, Slot::new(1).unwrap());
        assert_eq!(name.to_string(), "cci-9c09f805-1");
    }

    #[test]
    fn a_name_of_another_form_is_not_ours() {
        for raw in [
            "cci-9c09f805",
            "cci-9c09f805-0",
            "cci-9c09f805-11",
            "cci-9C09f805-1",
            "cci-build-abc",
            "x-9c09f805-1",
            "cci-9c09f805-01",
        ] {
            assert!(ContainerName::parse(&Prefix::default(), raw).is_err(), "{raw}");
        }
    }

    #[test]
    fn a_prefix_that_incus_would_refuse_is_refused() {
        for raw in ["", "1x-", "-x", "a b", "a_b", &"a".repeat(41)] {
            assert!(Prefix::parse(raw).is_err(), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn every_name_we_print_parses_back(path in "/[a-z/]{0,20}", slot in 1u8..=Slot::MAX) {
            let name = ContainerName::new(&Prefix::default(), &Workspace::at(&path), Slot::new(slot).unwrap());
            prop_assert_eq!(ContainerName::parse(&Prefix::default(), &name.to_string()), Ok(name));
        }

        #[test]
        fn no_text_makes_the_parser_panic(raw in ".*") {
            let _ = ContainerName::parse(&Prefix::default(), &raw);
        }
    }
}
