//! The settings model: every key a configuration file can have, and its built-in value.
//!
//! A layer that leaves a key out changes nothing: the layers are merged as tables before this model is read from them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::idmap::IdmapMode;
use crate::network::Mode;

/// The merged settings of one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What a launch takes when nothing else is said.
    pub defaults: Defaults,
    /// The agent.
    pub tool: ToolSettings,
    /// Where cci keeps things on the host.
    pub paths: Paths,
    /// How Incus is used.
    pub incus: IncusSettings,
    /// What containers may reach.
    pub network: NetworkSettings,
    /// What containers may use up.
    pub limits: Limits,
    /// How images are built.
    pub build: BuildSettings,
}

/// `[defaults]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// Image alias or fingerprint.
    pub image: String,
    /// Whether containers outlive their stop.
    pub persistent: bool,
    /// The model the agent is told to use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Whether the host's agent configuration goes into the session.
    pub mount_claude_config: bool,
    /// Environment of the agent and of commands.
    pub environment: BTreeMap<String, String>,
    /// Whether containers are made ready for Docker.
    pub docker: bool,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            image: "cci".into(),
            persistent: false,
            model: None,
            mount_claude_config: true,
            environment: BTreeMap::new(),
            docker: true,
        }
    }
}

/// `[tool]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolSettings {
    /// Which agent; it names the session store.
    pub name: String,
    /// Its program, if it is not called like the tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binary: Option<String>,
    /// Arguments that it is always given.
    pub args: Vec<String>,
}

impl Default for ToolSettings {
    fn default() -> Self {
        Self { name: "claude".into(), binary: None, args: Vec::new() }
    }
}

/// `[paths]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paths {
    /// Where build logs go; `~/.cci/logs` if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logs_dir: Option<PathBuf>,
}

/// `[incus]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncusSettings {
    /// The socket; looked for in the usual places if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub socket: Option<PathBuf>,
    /// The Incus project that containers are made in.
    pub project: String,
    /// The group whose members may use the socket.
    pub group: String,
    /// The uid and gid of `code` in the image.
    pub claude_uid: u32,
    /// The pool of the root disk; the default profile's if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_pool: Option<String>,
    /// How ids are mapped.
    pub idmap: IdmapMode,
}

impl Default for IncusSettings {
    fn default() -> Self {
        Self {
            socket: None,
            project: "default".into(),
            group: "incus-admin".into(),
            claude_uid: 1000,
            storage_pool: None,
            idmap: IdmapMode::Raw,
        }
    }
}

/// `[network]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSettings {
    /// The mode of a launch.
    pub mode: Mode,
    /// What mode `allowlist` reaches: names, IPv4 addresses, CIDRs, each with or without `:port`.
    pub allowed_domains: Vec<String>,
    /// How old the addresses of the allowed names may get.
    pub refresh_interval_minutes: u32,
    /// Whether mode `restricted` refuses private networks.
    pub block_private_networks: bool,
    /// Whether mode `restricted` refuses link-local addresses, cloud metadata among them.
    pub block_metadata_endpoint: bool,
    /// Whether mode `restricted` reaches the host's local networks all the same.
    pub allow_local_network_access: bool,
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self {
            mode: Mode::Restricted,
            allowed_domains: vec!["api.anthropic.com".into(), "platform.claude.com".into()],
            refresh_interval_minutes: 30,
            block_private_networks: true,
            block_metadata_endpoint: true,
            allow_local_network_access: false,
        }
    }
}

/// `[limits]`, each as Incus writes it (`4`, `8GiB`, `500`, `20GiB`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Cores, as a number or a set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// Memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
    /// Number of processes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<String>,
    /// Size of the root disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<String>,
}

/// `[build]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildSettings {
    /// What the image is made from.
    pub from: String,
    /// Whether the host's own certificate authorities go into the image.
    pub host_ca: bool,
    /// Further packages.
    pub packages: Vec<String>,
    /// The agents to install.
    pub tools: Vec<String>,
    /// The simplestreams server behind `images:`.
    pub image_server: String,
    /// The name servers that replace those of the network when they do not work.
    pub dns: Vec<String>,
}

impl Default for BuildSettings {
    fn default() -> Self {
        Self {
            from: "auto".into(),
            host_ca: true,
            packages: Vec::new(),
            tools: vec!["claude".into()],
            image_server: "https://images.linuxcontainers.org".into(),
            dns: ["8.8.8.8", "8.8.4.4", "1.1.1.1"].map(str::to_owned).to_vec(),
        }
    }
}
