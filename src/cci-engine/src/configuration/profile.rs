//! Lists, shows and creates profiles; none of it needs Incus.

use std::path::PathBuf;

use cci_core::settings::{Kind, Scalar};
use cci_core::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;

use crate::configuration::config::Configured;
use cci_host::settings::{self, Entry, Trust};

/// A profile as it is listed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Listed {
    /// The value for `--profile`.
    pub name: String,
    /// One line for people.
    pub description: String,
    pub(crate) inherits: Option<String>,
    /// Where it is defined: `built-in`, or the file.
    pub origin: String,
}

/// Every profile that can be chosen.
pub fn all(cx: &Configured) -> Result<Vec<Listed>> {
    let stack = cx.read(Trust::Unjudged)?;
    let listed = stack.profiles().into_iter().map(|(name, parts)| Listed {
        description: parts.iter().rev().find_map(|part| part.description.clone()).unwrap_or_default(),
        inherits: parts.iter().rev().find_map(|part| part.inherits.clone()),
        origin: parts.last().map(|part| part.source.to_string()).unwrap_or_default(),
        name,
    });
    Ok(listed.collect())
}

/// What a profile sets, with what it inherits.
pub fn entries(cx: &Configured, name: &str) -> Result<Vec<Entry>> {
    settings::of_profile(&cx.read(Trust::Unjudged)?, name)
}

/// The script that builds a shipped profile's image.
#[must_use]
pub fn script(name: &str) -> Option<&'static str> {
    settings::shipped().into_iter().find(|one| one.name == name)?.script
}

/// Writes a profile that inherits from another; returns its file.
pub fn create(cx: &Configured, name: &str, inherits: &str, force: bool) -> Result<PathBuf> {
    if !Kind::Name.takes(&Scalar::Text(name)) {
        return Err(Error::usage(format!("invalid profile name '{name}': expected {}", Kind::Name.expected())));
    }
    // an unknown parent is refused before anything is written
    entries(cx, inherits)?;
    if name == inherits {
        return Err(Error::usage(format!("profile '{name}' cannot inherit itself")));
    }
    let text = format!(
        "# Used by `--profile {name}`; `cci config schema` has every key.\n\
         description = \"{name}\"\ninherits = \"{inherits}\"\n\
         # image = \"cci-{name}\"\n# environment = {{ NAME = \"value\" }}\n# limits = {{ memory = \"8GiB\" }}\n"
    );
    cx.create_profile(name, &text, force)
}
