//! Profiles: settings and devices that instances inherit.

use cci_incus_types::{
    Devices, Disk, Nic,
    device::{nics, root_disk},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    client::Client,
    error::Result,
    instance::Config,
    request::{Etag, Request},
    wire::null_is_default,
};

/// A profile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// Unique within the project.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Settings for the instances.
    #[serde(deserialize_with = "null_is_default")]
    pub config: Config,
    /// Devices for the instances.
    #[serde(deserialize_with = "null_is_default")]
    pub devices: Devices,
    /// Paths of what uses it.
    #[serde(deserialize_with = "null_is_default")]
    pub used_by: Vec<String>,
}

/// Everything about a profile that can be changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of Profile")]
pub struct ProfilePut {
    pub description: String,
    pub config: Config,
    pub devices: Devices,
}

impl From<Profile> for ProfilePut {
    fn from(profile: Profile) -> Self {
        Self { description: profile.description, config: profile.config, devices: profile.devices }
    }
}

impl Profile {
    /// Its root disk, if it has one.
    #[must_use]
    pub fn root_disk(&self) -> Option<&Disk> {
        root_disk(&self.devices)
    }

    /// Its network interfaces, with their names.
    pub fn nics(&self) -> impl Iterator<Item = (&str, &Nic)> {
        nics(&self.devices)
    }
}

impl Client {
    /// All profiles of the project (`GET /1.0/profiles?recursion=1`).
    pub async fn profiles(&self) -> Result<Vec<Profile>> {
        self.read_list(&Request::get(["profiles"], "list profiles").with("recursion", "1")).await
    }

    /// One profile and its version (`GET /1.0/profiles/NAME`).
    pub async fn profile(&self, name: &str) -> Result<(Profile, Etag)> {
        self.read_tagged(&Request::get(["profiles", name], format!("read profile {name}"))).await
    }

    /// Creates a profile (`POST /1.0/profiles`).
    pub async fn create_profile(&self, name: &str, content: &ProfilePut) -> Result<()> {
        let body = json!({
            "name": name,
            "description": content.description,
            "config": content.config,
            "devices": content.devices,
        });
        self.settle(&Request::post(["profiles"], format!("create profile {name}")).json(&body)).await
    }

    /// Replaces a profile (`PUT /1.0/profiles/NAME`).
    pub async fn put_profile(&self, name: &str, content: &ProfilePut, etag: Option<&Etag>) -> Result<()> {
        let request = Request::put(["profiles", name], format!("change profile {name}"));
        self.settle(&request.json(content).unchanged_since(etag)).await
    }

    /// Deletes a profile that nothing uses (`DELETE /1.0/profiles/NAME`).
    pub async fn delete_profile(&self, name: &str) -> Result<()> {
        self.settle(&Request::delete(["profiles", name], format!("delete profile {name}"))).await
    }
}
