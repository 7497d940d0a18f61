//! Networks: `/1.0/networks`.

use serde::Deserialize;

use crate::client::Client;
use crate::error::Result;
use crate::request::{Request, escape};

/// An address that a network has given out.
#[derive(Debug, Clone, Deserialize)]
pub struct Lease {
    /// Whose it is.
    pub hostname: String,
    /// IPv4 or IPv6.
    pub address: String,
}

/// A network.
#[derive(Debug, Clone, Deserialize)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Its configuration.
    #[serde(default)]
    pub config: std::collections::BTreeMap<String, String>,
}

impl Client {
    /// One network.
    pub async fn network(&self, name: &str) -> Result<Network> {
        self.value(Request::get(format!("/1.0/networks/{}", escape(name)))).await
    }

    /// The leases of a managed network.
    pub async fn network_leases(&self, name: &str) -> Result<Vec<Lease>> {
        self.value(Request::get(format!("/1.0/networks/{}/leases", escape(name)))).await
    }
}
