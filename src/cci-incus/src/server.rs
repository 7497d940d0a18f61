//! The server as a whole: whether it trusts the caller, its features, its configuration.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    client::Client,
    error::Result,
    request::{Etag, Request},
    wire::null_is_default,
};

/// Whether the server trusts the caller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// Every call may be made.
    Trusted,
    /// Only public calls may be made.
    #[default]
    #[serde(other)]
    Untrusted,
}

/// `GET /1.0`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Server {
    /// Whether the caller is trusted.
    pub auth: Auth,
    /// The names of all extensions of the API since 1.0.
    #[serde(deserialize_with = "null_is_default")]
    pub api_extensions: Vec<String>,
    /// The server's software and host; empty for an untrusted caller.
    pub environment: Environment,
    /// Server-wide settings: `core.https_address`, …
    #[serde(deserialize_with = "null_is_default")]
    pub config: BTreeMap<String, String>,
}

impl Server {
    /// Whether the server has an API extension.
    #[must_use]
    pub fn has(&self, extension: &str) -> bool {
        self.api_extensions.iter().any(|known| known == extension)
    }
}

/// The server's software and host.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the fields carry the API's own names")]
pub struct Environment {
    /// `6.0.4`.
    pub server_version: String,
    /// The host's name.
    pub server_name: String,
    pub server_pid: u32,
    pub server_clustered: bool,
    /// SHA-256 of the server's certificate, as hex.
    pub certificate_fingerprint: String,
    /// `lxc`, or `lxc | qemu`.
    pub driver: String,
    pub driver_version: String,
    /// `nftables` or `xtables`.
    pub firewall: String,
    pub kernel: String,
    pub kernel_architecture: String,
    pub kernel_version: String,
    #[serde(deserialize_with = "null_is_default")]
    pub kernel_features: BTreeMap<String, String>,
    #[serde(deserialize_with = "null_is_default")]
    pub architectures: Vec<String>,
    /// Addresses that it listens on, with ports.
    #[serde(deserialize_with = "null_is_default")]
    pub addresses: Vec<String>,
    pub os_name: String,
    pub os_version: String,
    /// Storage drivers in use: `btrfs`, or `btrfs | dir`.
    pub storage: String,
    pub storage_version: String,
    #[serde(deserialize_with = "null_is_default")]
    pub storage_supported_drivers: Vec<StorageDriver>,
}

/// A storage driver that the server could use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct StorageDriver {
    /// `dir`, `btrfs`, `zfs`, `lvm`, …
    #[serde(rename = "Name")]
    pub name: String,
    /// The version of its tools.
    #[serde(rename = "Version")]
    pub version: String,
    /// Whether it is remote.
    #[serde(rename = "Remote")]
    pub remote: bool,
}

impl Client {
    /// The server's description, and whether it trusts the caller (`GET /1.0`).
    pub async fn server(&self) -> Result<Server> {
        self.read(&get()).await
    }

    /// Sets server-wide settings, leaving the others (`PATCH /1.0`).
    pub async fn patch_server_config(&self, config: &BTreeMap<String, String>, etag: Option<&Etag>) -> Result<()> {
        self.settle(&patch(config).unchanged_since(etag)).await
    }
}

fn get() -> Request {
    Request::get([], "read the server")
}

fn patch(config: &BTreeMap<String, String>) -> Request {
    Request::patch([], "change the server's settings").of_the_server().json(&serde_json::json!({"config": config}))
}
