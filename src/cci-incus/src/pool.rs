//! Storage pools and their usage.

use serde::{Deserialize, Serialize};

use crate::{
    client::Client,
    error::Result,
    instance::Config,
    request::{Etag, Request},
    wire::null_is_default,
};

/// A storage pool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct StoragePool {
    /// Unique on the server.
    pub name: String,
    /// `dir`, `btrfs`, `zfs`, `lvm`, …
    pub driver: String,
    /// `Created`, `Pending`, `Errored`, `Unavailable`.
    pub status: String,
    /// Free text.
    pub description: String,
    /// Settings: `source`, `size`, …
    #[serde(deserialize_with = "null_is_default")]
    pub config: Config,
    /// Paths of what uses it.
    #[serde(deserialize_with = "null_is_default")]
    pub used_by: Vec<String>,
}

/// A storage pool to be created.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NewStoragePool {
    /// Unique on the server.
    pub name: String,
    /// `dir`, `btrfs`, `zfs`, `lvm`, …
    pub driver: String,
    /// Free text.
    pub description: String,
    /// Settings: `source`, `size`, …
    pub config: Config,
}

/// How full a pool is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PoolResources {
    /// Bytes.
    pub space: Usage,
    /// Inodes; zero if the driver does not count.
    pub inodes: Usage,
}

/// How much of how much is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Usage {
    pub used: u64,
    pub total: u64,
}

impl Client {
    /// All storage pools (`GET /1.0/storage-pools?recursion=1`).
    pub async fn storage_pools(&self) -> Result<Vec<StoragePool>> {
        let request = Request::get(["storage-pools"], "list storage pools").with("recursion", "1");
        self.read_list(&request).await
    }

    /// One storage pool and its version (`GET /1.0/storage-pools/NAME`).
    pub async fn storage_pool(&self, name: &str) -> Result<(StoragePool, Etag)> {
        self.read_tagged(&Request::get(["storage-pools", name], format!("read storage pool {name}"))).await
    }

    /// Creates a storage pool (`POST /1.0/storage-pools`).
    pub async fn create_storage_pool(&self, new: &NewStoragePool) -> Result<()> {
        let request = Request::post(["storage-pools"], format!("create storage pool {}", new.name));
        self.settle(&request.of_the_server().json(new)).await
    }

    /// The usage of a pool (`GET /1.0/storage-pools/NAME/resources`).
    pub async fn storage_pool_resources(&self, name: &str) -> Result<PoolResources> {
        let what = format!("read how full storage pool {name} is");
        self.read(&Request::get(["storage-pools", name, "resources"], what).of_the_server()).await
    }
}
