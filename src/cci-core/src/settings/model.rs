//! The settings model: every key a configuration file can have, and its built-in value.
//!
//! A layer that leaves a key out changes nothing: the layers are merged as tables before this model is read from them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cci_agent::{Agent, Import, default_agent};
use serde::{Deserialize, Serialize};

use super::checkpoints::CheckpointSettings;
use super::git::GitSettings;
use super::login::LoginSettings;
use super::ssh::SshSettings;
use super::workspace::WorkspaceSettings;
use super::worktree::WorktreeSettings;
use crate::boundary::Boundary;
use crate::idmap::IdmapMode;
use crate::network::{Mode, ServiceEntry};

/// The key of [`Defaults::agent_config`]; it is older than the other agents.
pub const AGENT_CONFIG: &str = "defaults.mount_claude_config";
/// The key of [`IncusSettings::agent_uid`], as old.
pub const AGENT_UID: &str = "incus.claude_uid";

/// The merged settings of one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What a launch takes when nothing else is said.
    pub defaults: Defaults,
    /// The agent.
    pub tool: ToolSettings,
    /// What programs in a container may do with the terminal.
    pub terminal: TerminalSettings,
    /// Where cci keeps things on the host.
    pub paths: Paths,
    /// How Incus is used.
    pub incus: IncusSettings,
    /// What containers may reach.
    pub network: NetworkSettings,
    /// What containers may use up.
    pub limits: Limits,
    /// When checkpoints are taken, and how long they are kept.
    pub checkpoints: CheckpointSettings,
    /// What of git on the host a container gets.
    pub git: GitSettings,
    /// What the worktrees of a session get besides what is committed.
    pub worktree: WorktreeSettings,
    /// How the agent is let in by its API.
    pub login: LoginSettings,
    /// What of the host belongs to the workspace, and where it is.
    pub workspace: WorkspaceSettings,
    /// What of the caller's SSH a session may use.
    pub ssh: SshSettings,
    /// How images are built.
    pub build: BuildSettings,
    /// Host directories that containers see.
    pub mounts: Mounts,
    /// The profile that these settings were made with, if one was asked for.
    #[serde(skip)]
    pub profile: Option<String>,
}

impl Settings {
    /// The configured environment as far as it is plain text; what a command makes is not known yet.
    #[must_use]
    pub fn environment(&self) -> BTreeMap<String, String> {
        let plain = self.defaults.environment.iter().filter_map(|(name, value)| match value {
            Variable::Text(text) => Some((name.clone(), text.clone())),
            Variable::Command { .. } => None,
        });
        plain.collect()
    }
}

/// The value of a configured environment variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Variable {
    /// The value itself.
    Text(String),
    /// What a command of the host prints; it runs again at each start.
    Command {
        /// A line for `sh -c`.
        command: String,
    },
}

/// `[mounts]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mounts {
    /// What each launch mounts, by the path in the container.
    pub default: BTreeMap<String, MountEntry>,
}

/// One `[[mounts.default]]`, without its path in the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MountEntry {
    /// The directory or file on the host; a relative one is below the workspace.
    pub host: PathBuf,
    /// Whether the container may only read it.
    pub readonly: bool,
    /// Whether a host path that does not exist is left out instead of refused.
    pub optional: bool,
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
    #[serde(rename = "mount_claude_config")]
    pub agent_config: bool,
    /// What becomes of the secrets in the host's `settings.json`.
    pub settings_secrets: SettingsSecrets,
    /// Environment of the agent and of commands.
    pub environment: BTreeMap<String, Variable>,
    /// Which of the caller's variables are forwarded: names, and beginnings of names with a `*`.
    pub forward: Vec<String>,
    /// Whether containers are made ready for Docker.
    pub docker: bool,
    /// What stands between the agent and the host's kernel.
    pub boundary: Boundary,
}

/// What becomes of tokens and of commands that yield them in the host's `settings.json`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SettingsSecrets {
    /// They are left out.
    Drop,
    /// They go into the session, and the launch names them.
    #[default]
    Copy,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            image: "cci".into(),
            persistent: false,
            model: None,
            agent_config: true,
            settings_secrets: SettingsSecrets::Copy,
            environment: BTreeMap::new(),
            forward: Vec::new(),
            docker: true,
            boundary: Boundary::Container,
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
    /// Which parts of its configuration on the host go into sessions.
    pub import: Import,
}

impl ToolSettings {
    /// What cci knows of it.
    #[must_use]
    pub fn agent(&self) -> &'static dyn Agent {
        cci_agent::agent(&self.name)
    }
}

impl Default for ToolSettings {
    fn default() -> Self {
        Self { name: default_agent().name().into(), binary: None, args: Vec::new(), import: Import::default() }
    }
}

/// `[terminal]`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TerminalSettings {
    /// Whether programs in a container may write to the clipboard (OSC 52).
    pub clipboard: bool,
    /// Whether they may send the terminal anything that they wrap for tmux.
    pub passthrough: bool,
}

/// `[paths]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paths {
    /// Where an earlier release kept sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sessions_dir: Option<PathBuf>,
    /// What is mounted at `/storage`; nothing if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_dir: Option<PathBuf>,
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
    #[serde(rename = "claude_uid")]
    pub agent_uid: u32,
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
            agent_uid: 1000,
            storage_pool: None,
            idmap: IdmapMode::Raw,
        }
    }
}

/// `[network]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "one for each key")]
pub struct NetworkSettings {
    /// The mode of a launch.
    pub mode: Mode,
    /// The names and addresses that `allowlist` lets through.
    pub allowed_domains: Vec<String>,
    /// How old resolved names may become, in minutes; 0 never looks again.
    pub refresh_interval_minutes: u32,
    /// Whether private address ranges are out of reach.
    pub block_private_networks: bool,
    /// Whether the address of cloud metadata services is out of reach.
    pub block_metadata_endpoint: bool,
    /// Whether the host's own local network may be reached.
    pub allow_local_network_access: bool,
    /// Whether the agent may ask its person to allow a host.
    pub ask: bool,
    /// Single services of the host or its network that containers may reach.
    pub hosts: Vec<ServiceEntry>,
    /// The proxy that connections which are judged by name go out through: `inherit`, or a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// The name server that is asked instead of the host's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolver: Option<String>,
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self {
            mode: Mode::Restricted,
            allowed_domains: default_agent().domains().iter().copied().map(str::to_owned).collect(),
            refresh_interval_minutes: 30,
            block_private_networks: true,
            block_metadata_endpoint: true,
            allow_local_network_access: false,
            ask: false,
            hosts: Vec::new(),
            proxy: None,
            resolver: None,
        }
    }
}

/// `[limits]`, each as Incus writes it (`4`, `8GiB`, `500`, `20GiB`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
            tools: vec![default_agent().name().into()],
            image_server: "https://images.linuxcontainers.org".into(),
            dns: ["8.8.8.8", "8.8.4.4", "1.1.1.1"].map(str::to_owned).to_vec(),
        }
    }
}
