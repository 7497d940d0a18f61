//! Networks of the server and the addresses in use on them.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    client::Client,
    error::Result,
    instance::Config,
    request::{Etag, Request},
    wire::null_is_default,
};

/// A network, managed by Incus or only seen by it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Network {
    /// The name, which is that of the bridge on the host.
    pub name: String,
    /// `bridge`, `physical`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether Incus created it.
    pub managed: bool,
    /// How far Incus is with it.
    pub status: NetworkStatus,
    /// Free text.
    pub description: String,
    /// Settings: `ipv4.address`, `security.acls`, …
    #[serde(deserialize_with = "null_is_default")]
    pub config: Config,
    /// Paths of what uses it.
    #[serde(deserialize_with = "null_is_default")]
    pub used_by: Vec<String>,
}

/// How far Incus is with a network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum NetworkStatus {
    /// It is there.
    Created,
    /// It is being set up.
    Pending,
    /// Its set-up failed.
    Errored,
    /// It was set up once, and its bridge cannot be started now.
    Unavailable,
    /// It is not managed, or its state is none of these.
    #[default]
    #[serde(other)]
    Unknown,
}

/// A network to be created.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NewNetwork {
    /// At most fifteen characters.
    pub name: String,
    /// `bridge`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Free text.
    pub description: String,
    /// Settings; give `ipv4.address` explicitly, because `auto` sends packets to random private addresses.
    pub config: Config,
}

impl NewNetwork {
    /// A bridge with these settings.
    #[must_use]
    pub fn bridge(name: impl Into<String>, config: Config) -> Self {
        Self { name: name.into(), kind: "bridge".to_owned(), description: String::new(), config }
    }
}

/// An address that a network has assigned or reserved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct NetworkLease {
    /// The host name of its holder.
    pub hostname: String,
    /// The MAC address of its holder; empty for the gateway.
    pub hwaddr: String,
    /// The address.
    pub address: String,
    /// `static`, `dynamic`, `gateway` or `uplink`.
    #[serde(rename = "type")]
    pub kind: String,
}

impl Client {
    /// All networks of the host (`GET /1.0/networks?recursion=1`).
    pub async fn networks(&self) -> Result<Vec<Network>> {
        self.read_list(&Request::get(["networks"], "list networks").with("recursion", "1")).await
    }

    /// One network and its version (`GET /1.0/networks/NAME`).
    pub async fn network(&self, name: &str) -> Result<(Network, Etag)> {
        self.read_tagged(&Request::get(["networks", name], format!("read network {name}"))).await
    }

    /// Creates a network (`POST /1.0/networks`).
    pub async fn create_network(&self, new: &NewNetwork) -> Result<()> {
        self.settle(&Request::post(["networks"], format!("create network {}", new.name)).json(new)).await
    }

    /// Sets some of a network's settings, leaving the others (`PATCH /1.0/networks/NAME`).
    pub async fn patch_network(&self, name: &str, config: &Config, etag: Option<&Etag>) -> Result<()> {
        self.settle(&change(Request::patch, name).json(&json!({"config": config})).unchanged_since(etag)).await
    }

    /// Deletes a network that nothing uses (`DELETE /1.0/networks/NAME`).
    pub async fn delete_network(&self, name: &str) -> Result<()> {
        self.settle(&Request::delete(["networks", name], format!("delete network {name}"))).await
    }

    /// The addresses in use (`GET /1.0/networks/NAME/leases`); of a project's instances and the gateway.
    pub async fn network_leases(&self, name: &str) -> Result<Vec<NetworkLease>> {
        self.read_list(&Request::get(["networks", name, "leases"], format!("list the leases of network {name}"))).await
    }
}

fn change<'a>(verb: fn([&'a str; 2], String) -> Request, name: &'a str) -> Request {
    verb(["networks", name], format!("change network {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_network_is_a_word_that_is_known_or_none() {
        let status = |word: &str| {
            let text = format!(r#"{{"name":"n","status":"{word}"}}"#);
            serde_json::from_str::<Network>(&text).unwrap().status
        };
        assert_eq!(status("Created"), NetworkStatus::Created);
        assert_eq!(status("Errored"), NetworkStatus::Errored);
        assert_eq!([status(""), status("Melted")], [NetworkStatus::Unknown; 2]);
        assert_eq!(serde_json::from_str::<Network>("{}").unwrap().status, NetworkStatus::Unknown);
    }
}
