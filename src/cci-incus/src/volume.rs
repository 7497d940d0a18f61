//! Custom storage volumes, which belong to no instance.

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::io::AsyncRead;
use tokio_util::io::StreamReader;

use crate::{
    client::Client,
    error::Result,
    instance::Config,
    operation::Operation,
    request::{Etag, Request},
    wire::null_is_default,
};

/// A custom storage volume.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Volume {
    /// Unique in pool and project.
    pub name: String,
    /// Free text.
    pub description: String,
    /// `filesystem` or `block`.
    pub content_type: String,
    /// RFC 3339.
    pub created_at: String,
    /// Settings: `size`, `security.shifted`, …
    #[serde(deserialize_with = "null_is_default")]
    pub config: Config,
    /// Paths of what uses it.
    #[serde(deserialize_with = "null_is_default")]
    pub used_by: Vec<String>,
}

/// A file system to be created as a custom volume.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NewVolume {
    /// Unique in pool and project.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Settings: `size`, `security.shifted`, …
    pub config: Config,
}

impl Client {
    /// One custom volume and its version (`GET /1.0/storage-pools/POOL/volumes/custom/NAME`).
    pub async fn volume(&self, pool: &str, name: &str) -> Result<(Volume, Etag)> {
        self.read_tagged(&Request::get(one(pool, name), format!("read volume {name}"))).await
    }

    /// Creates a custom volume (`POST /1.0/storage-pools/POOL/volumes/custom`).
    pub async fn create_volume(&self, pool: &str, new: &NewVolume) -> Result<()> {
        self.settle(&create(pool, new)).await
    }

    /// Sets configuration keys of a custom volume and leaves the others (`PATCH /1.0/storage-pools/POOL/volumes/custom/NAME`).
    pub async fn patch_volume(&self, pool: &str, name: &str, config: &Config) -> Result<()> {
        let request = Request::patch(one(pool, name), format!("change volume {name}"));
        self.settle(&request.json(&json!({"config": config}))).await
    }

    /// Packs a custom volume, which may be in use, as a gzipped tar archive that the server keeps until this time (RFC
    /// 3339) (`POST /1.0/storage-pools/POOL/volumes/custom/NAME/backups`).
    pub async fn create_volume_backup(&self, pool: &str, name: &str, backup: &str, until: &str) -> Result<Operation> {
        self.start(&pack(pool, name, backup, until)).await
    }

    /// The archive (`GET /1.0/storage-pools/POOL/volumes/custom/NAME/backups/BACKUP/export`): the volume's files are in
    /// its directory [`BACKUP_ROOT`].
    pub async fn volume_backup(&self, pool: &str, name: &str, backup: &str) -> Result<impl AsyncRead + Send + Unpin> {
        let segments = one(pool, name).into_iter().chain(["backups", backup, "export"]);
        let answer = self.download(&Request::get(segments, format!("read the backup of volume {name}"))).await?;
        Ok(StreamReader::new(answer.body))
    }

    /// Deletes the archive (`DELETE /1.0/storage-pools/POOL/volumes/custom/NAME/backups/BACKUP`).
    pub async fn delete_volume_backup(&self, pool: &str, name: &str, backup: &str) -> Result<Operation> {
        let segments = one(pool, name).into_iter().chain(["backups", backup]);
        self.start(&Request::delete(segments, format!("delete the backup of volume {name}"))).await
    }

    /// Deletes a custom volume that nothing uses (`DELETE /1.0/storage-pools/POOL/volumes/custom/NAME`).
    pub async fn delete_volume(&self, pool: &str, name: &str) -> Result<()> {
        self.settle(&Request::delete(one(pool, name), format!("delete volume {name}"))).await
    }
}

/// The directory of a volume's files in its backup.
pub const BACKUP_ROOT: &str = "backup/volume";

fn pack(pool: &str, name: &str, backup: &str, until: &str) -> Request {
    let segments = one(pool, name).into_iter().chain(["backups"]);
    Request::post(segments, format!("back up volume {name}")).json(&json!({
        "name": backup,
        "expires_at": until,
        "volume_only": true,
        "optimized_storage": false,
        "compression_algorithm": "gzip",
    }))
}

fn custom(pool: &str) -> [&str; 4] {
    ["storage-pools", pool, "volumes", "custom"]
}

fn one<'a>(pool: &'a str, name: &'a str) -> [&'a str; 5] {
    ["storage-pools", pool, "volumes", "custom", name]
}

fn create(pool: &str, new: &NewVolume) -> Request {
    Request::post(custom(pool), format!("create volume {}", new.name)).json(&json!({
        "name": new.name,
        "description": new.description,
        "type": "custom",
        "content_type": "filesystem",
        "config": new.config,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_found_in_its_pool() {
        let request = Request::get(one("default", "a b"), "read volume a b");
        assert_eq!(request.target("p"), "/1.0/storage-pools/default/volumes/custom/a%20b?project=p");
    }

    #[test]
    fn a_backup_expires() {
        let request = pack("default", "v", "b", "2026-01-01T00:00:00Z");
        assert_eq!(request.target("p"), "/1.0/storage-pools/default/volumes/custom/v/backups?project=p");
        assert_eq!(
            request.body.object(),
            json!({"name": "b", "expires_at": "2026-01-01T00:00:00Z", "volume_only": true, "optimized_storage": false,
                "compression_algorithm": "gzip"})
        );
    }
}
