//! Who answers for an agent's models, where it is not the agent's own API.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};

use serde::{Deserialize, Serialize};

/// A provider, and the part of it that an agent may ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// Amazon Bedrock.
    Bedrock {
        /// The region.
        region: String,
    },
    /// Vertex AI of Google's.
    Vertex {
        /// The region.
        region: String,
        /// The project that pays.
        project: String,
    },
    /// A gateway that speaks as the agent's own API does.
    Gateway,
}

/// What lets requests in at a provider. The names of the variables are those of the provider's own programs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpenedBy {
    /// The provider's own login on the host.
    Login {
        /// The variables that say where it is, or what it is.
        variables: BTreeMap<String, String>,
        /// The command that prints it, if one is configured.
        command: Option<String>,
    },
    /// A bearer token.
    Bearer(String),
    /// An API key.
    Key(String),
    /// What a command prints, as both.
    Command(String),
    /// Nothing: whoever is there knows the host.
    Nothing,
}

impl Debug for OpenedBy {
    /// Without the secrets.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Login { .. } => "Login",
            Self::Bearer(_) => "Bearer",
            Self::Key(_) => "Key",
            Self::Command(_) => "Command",
            Self::Nothing => "Nothing",
        })
    }
}

/// The provider that a person has chosen for the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provided {
    /// Which.
    pub provider: Provider,
    /// What lets requests in.
    pub opened_by: OpenedBy,
    /// The variables that name models, which the agent gets.
    pub models: BTreeMap<String, String>,
}

/// A provider is chosen, and cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// The variable that is wrong or missing.
    pub variable: &'static str,
    /// What it has to be.
    pub wanted: &'static str,
}
