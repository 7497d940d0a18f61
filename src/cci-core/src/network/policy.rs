//! What a mode and its settings come to: a policy with one text, from which it has its name.

mod answers;
mod name;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use self::name::PolicyName;
use super::entry::{Entry, Target};
use super::mode::Mode;
use super::preset::listed;
use crate::settings::NetworkSettings;
use crate::{Error, Result};

/// A network policy that cci itself gives to Incus (mode `open` has none: it takes the host's own network).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    form: Form,
    mode: Mode,
    block_private: bool,
    block_metadata: bool,
    entries: BTreeSet<Entry>,
}

/// How a policy is put in force. Its one text begins with it, so that what an earlier cci made is another policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// One bridge, whose name server told of the host's table, its network and other containers.
    Talkative,
    /// A name server behind that of the containers' bridge.
    Silent,
}

impl Form {
    fn as_str(self) -> &'static str {
        match self {
            Self::Talkative => "1",
            Self::Silent => "2",
        }
    }
}

impl Policy {
    /// The policy of these settings; `None` for mode `open`. An entry that cannot be enforced is an error.
    pub fn new(settings: &NetworkSettings) -> Result<Option<Self>> {
        let entries = match settings.mode {
            Mode::Open => return Ok(None),
            Mode::Restricted => BTreeSet::new(),
            Mode::Allowlist => entries(&settings.allowed_domains)?,
        };
        let listed = settings.mode == Mode::Allowlist;
        Ok(Some(Self {
            form: Form::Silent,
            mode: settings.mode,
            block_private: listed || settings.block_private_networks && !settings.allow_local_network_access,
            block_metadata: listed || settings.block_metadata_endpoint,
            entries,
        }))
    }

    /// Its mode.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The names that have to be looked up.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter_map(|entry| match &entry.target {
            Target::Name(name) => Some(name.as_str()),
            // a policy that is enforced by addresses has no wildcards
            Target::Below(_) | Target::Block(_) => None,
        })
    }

    /// Whether the names that its containers may know are listed.
    #[must_use]
    pub fn has_names(&self) -> bool {
        self.mode == Mode::Allowlist
    }

    /// The one text of this policy: equal policies have equal texts, whatever order they were written in.
    #[must_use]
    pub fn canonical(&self) -> String {
        let entries: Vec<String> = self.entries.iter().map(Entry::to_string).collect();
        let Self { form, mode, block_private, block_metadata, .. } = self;
        let form = form.as_str();
        format!("{form} {mode} private={block_private} metadata={block_metadata} allow={}", entries.join(" "))
    }

    /// Reads a policy back from its one text.
    #[must_use]
    pub fn from_canonical(text: &str) -> Option<Self> {
        let (head, allowed) = text.split_once(" allow=")?;
        let [form, mode, private, metadata] = head.split(' ').collect::<Vec<_>>().try_into().ok()?;
        Some(Self {
            form: [Form::Talkative, Form::Silent].into_iter().find(|known| known.as_str() == form)?,
            mode: mode.parse().ok()?,
            block_private: private.strip_prefix("private=")?.parse().ok()?,
            block_metadata: metadata.strip_prefix("metadata=")?.parse().ok()?,
            entries: allowed.split_whitespace().map(|entry| Entry::by_address(entry).ok()).collect::<Option<_>>()?,
        })
    }

    /// The name that equal policies share.
    #[must_use]
    pub fn name(&self) -> PolicyName {
        PolicyName::of(&self.canonical())
    }
}

fn entries(domains: &[String]) -> Result<BTreeSet<Entry>> {
    let mut entries = BTreeSet::new();
    for raw in domains {
        let listed = listed(raw).map_err(|error| Error::Config { problem: error.to_string(), hint: None })?;
        entries.extend(listed);
    }
    Ok(entries)
}
