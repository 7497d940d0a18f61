//! Instances: `/1.0/instances`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::error::Result;
use crate::operation::Operation;
use crate::request::{Etag, Method, Request, escape};

/// Devices by name, each a table of texts.
pub type Devices = BTreeMap<String, BTreeMap<String, String>>;

/// An instance's state, from its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "u32")]
pub enum Status {
    /// 102
    Stopped,
    /// 103
    Running,
    /// 110
    Frozen,
    /// 112
    Error,
    /// Any other number: on its way from one to another.
    Other(u32),
}

impl From<u32> for Status {
    fn from(code: u32) -> Self {
        match code {
            102 => Self::Stopped,
            103 => Self::Running,
            110 => Self::Frozen,
            112 => Self::Error,
            other => Self::Other(other),
        }
    }
}

impl Status {
    /// As Incus writes it.
    #[must_use]
    pub fn word(self) -> String {
        match self {
            Self::Stopped => "Stopped".into(),
            Self::Running => "Running".into(),
            Self::Frozen => "Frozen".into(),
            Self::Error => "Error".into(),
            Self::Other(code) => format!("Changing ({code})"),
        }
    }
}

/// An instance as the server has it.
#[derive(Debug, Clone, Deserialize)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// Its state.
    pub status_code: Status,
    /// Configuration of its own.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// Devices of its own.
    #[serde(default)]
    pub devices: Devices,
    /// Its profiles, lowest first.
    #[serde(default)]
    pub profiles: Vec<String>,
    /// Configuration with that of the profiles.
    #[serde(default)]
    pub expanded_config: BTreeMap<String, String>,
    /// Devices with those of the profiles.
    #[serde(default)]
    pub expanded_devices: Devices,
    /// RFC 3339.
    #[serde(default)]
    pub created_at: String,
    /// RFC 3339; year 1970 if it never ran.
    #[serde(default)]
    pub last_used_at: String,
    /// Whether it is deleted when it stops.
    #[serde(default)]
    pub ephemeral: bool,
    /// The processor it is for.
    #[serde(default)]
    pub architecture: String,
    /// What it is described as.
    #[serde(default)]
    pub description: String,
}

impl Instance {
    /// Whether it has run at least once.
    #[must_use]
    pub fn was_started(&self) -> bool {
        !(self.last_used_at.is_empty()
            || self.last_used_at.starts_with("1970-")
            || self.last_used_at.starts_with("0001-"))
    }
}

/// What an instance is made from.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Source {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
}

impl Source {
    /// A local image, by alias or by fingerprint (12 or more hex digits).
    #[must_use]
    pub fn image(name: impl Into<String>) -> Self {
        let name = name.into();
        let hex = name.len() >= 12 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        let (alias, fingerprint) = if hex { (None, Some(name)) } else { (Some(name), None) };
        Self { kind: "image", alias, fingerprint, source: None }
    }

    /// Another instance, or `instance/snapshot`.
    #[must_use]
    pub fn copy(of: impl Into<String>) -> Self {
        Self { kind: "copy", source: Some(of.into()), ..Self::default() }
    }
}

/// The request that makes an instance.
#[derive(Debug, Clone, Default, Serialize)]
pub struct NewInstance {
    /// Its name.
    pub name: String,
    /// What it is made from.
    pub source: Source,
    /// Configuration.
    pub config: BTreeMap<String, String>,
    /// Devices.
    pub devices: Devices,
    /// Profiles, lowest first; the default one if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profiles: Option<Vec<String>>,
    /// Whether it is deleted when it stops.
    pub ephemeral: bool,
    /// Whether it is started at once.
    pub start: bool,
}

/// The whole of an instance that can be replaced.
#[derive(Debug, Clone, Serialize)]
pub struct InstancePut {
    /// The processor it is for.
    pub architecture: String,
    /// Configuration of its own.
    pub config: BTreeMap<String, String>,
    /// Devices of its own.
    pub devices: Devices,
    /// Its profiles, lowest first.
    pub profiles: Vec<String>,
    /// Whether it is deleted when it stops.
    pub ephemeral: bool,
    /// What it is described as.
    pub description: String,
}

impl From<Instance> for InstancePut {
    fn from(instance: Instance) -> Self {
        Self {
            architecture: instance.architecture,
            config: instance.config,
            devices: instance.devices,
            profiles: instance.profiles,
            ephemeral: instance.ephemeral,
            description: instance.description,
        }
    }
}

/// What to do to an instance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Start it.
    #[default]
    Start,
    /// Stop it.
    Stop,
    /// Stop and start it.
    Restart,
    /// Hold its processes.
    Freeze,
    /// Let them go on.
    Unfreeze,
}

/// A change of state.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct StateChange {
    /// What to do.
    pub action: Action,
    /// How long a graceful stop may take in the instance, in seconds; -1 for ever.
    #[serde(rename = "timeout")]
    pub timeout_secs: i64,
    /// At once, without asking the instance.
    pub force: bool,
}

impl Client {
    /// Every instance of the project, without its live state: `GET /1.0/instances?recursion=1`.
    pub async fn instances(&self) -> Result<Vec<Instance>> {
        self.value(Request::get("/1.0/instances").with("recursion", "1")).await
    }

    /// One instance and its version.
    pub async fn instance(&self, name: &str) -> Result<(Instance, Etag)> {
        self.value_with_etag(Request::get(path(name))).await
    }

    /// Makes an instance: `POST /1.0/instances`.
    pub async fn create_instance(&self, new: &NewInstance) -> Result<Operation> {
        self.operation_of(Request::new(Method::POST, "/1.0/instances").json(new)).await
    }

    /// Replaces an instance's configuration, if it is still the one that was read.
    pub async fn put_instance(&self, name: &str, put: &InstancePut, etag: Option<&Etag>) -> Result<Operation> {
        self.operation_of(Request::new(Method::PUT, path(name)).json(put).if_match(etag)).await
    }

    /// Changes an instance's state: `PUT /1.0/instances/<name>/state`.
    pub async fn change_state(&self, name: &str, change: &StateChange) -> Result<Operation> {
        self.operation_of(Request::new(Method::PUT, format!("{}/state", path(name))).json(change)).await
    }

    /// Deletes a stopped instance.
    pub async fn delete_instance(&self, name: &str) -> Result<Operation> {
        self.operation_of(Request::new(Method::DELETE, path(name))).await
    }
}

fn path(name: &str) -> String {
    format!("/1.0/instances/{}", escape(name))
}
