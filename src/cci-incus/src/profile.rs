//! Profiles: `/1.0/profiles`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::client::Client;
use crate::error::Result;
use crate::instance::Devices;
use crate::request::{Request, escape};

/// A profile.
#[derive(Debug, Clone, Deserialize)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Its configuration.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// Its devices.
    #[serde(default)]
    pub devices: Devices,
}

impl Client {
    /// One profile.
    pub async fn profile(&self, name: &str) -> Result<Profile> {
        self.value(Request::get(format!("/1.0/profiles/{}", escape(name)))).await
    }
}
