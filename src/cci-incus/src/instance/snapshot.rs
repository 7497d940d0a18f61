//! Snapshots of an instance: created, listed, restored, deleted.

use cci_incus_types::Devices;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Config;
use crate::{client::Client, error::Result, operation::Operation, request::Request, wire::null_is_default};

/// A past state of an instance.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// Its name, without the instance's.
    pub name: String,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339; the year 1 if it does not expire.
    pub expires_at: String,
    /// Whether it includes the running state.
    pub stateful: bool,
    /// Settings of the instance at that time.
    #[serde(deserialize_with = "null_is_default")]
    pub config: Config,
    /// Devices of the instance at that time.
    #[serde(deserialize_with = "null_is_default")]
    pub devices: Devices,
    /// Bytes on the pool; -1 if the pool does not count.
    pub size: i64,
}

/// A snapshot to be created.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NewSnapshot {
    /// Its name.
    pub name: String,
    /// Whether to include the running state.
    pub stateful: bool,
    /// RFC 3339; `None` to keep it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

impl Client {
    /// The snapshots of an instance (`GET /1.0/instances/NAME/snapshots?recursion=1`).
    pub async fn snapshots(&self, instance: &str) -> Result<Vec<Snapshot>> {
        self.read_list(&list(instance)).await
    }

    /// Creates a snapshot (`POST /1.0/instances/NAME/snapshots`).
    pub async fn create_snapshot(&self, instance: &str, new: &NewSnapshot) -> Result<Operation> {
        self.start(&create(instance, new)).await
    }

    /// Restores an instance from a snapshot (`PUT /1.0/instances/NAME` with `restore`).
    pub async fn restore_snapshot(&self, instance: &str, snapshot: &str) -> Result<Operation> {
        self.start(&restore(instance, snapshot)).await
    }

    /// Deletes a snapshot (`DELETE /1.0/instances/NAME/snapshots/SNAPSHOT`).
    pub async fn delete_snapshot(&self, instance: &str, snapshot: &str) -> Result<Operation> {
        self.start(&delete(instance, snapshot)).await
    }
}

fn list(instance: &str) -> Request {
    let what = format!("list the snapshots of instance {instance}");
    Request::get(["instances", instance, "snapshots"], what).with("recursion", "1")
}

fn create(instance: &str, new: &NewSnapshot) -> Request {
    let what = format!("create snapshot {} of instance {instance}", new.name);
    Request::post(["instances", instance, "snapshots"], what).json(new)
}

fn restore(instance: &str, snapshot: &str) -> Request {
    let what = format!("restore snapshot {snapshot} of instance {instance}");
    Request::put(["instances", instance], what).json(&json!({"restore": snapshot}))
}

fn delete(instance: &str, snapshot: &str) -> Request {
    let what = format!("delete snapshot {snapshot} of instance {instance}");
    Request::delete(["instances", instance, "snapshots", snapshot], what)
}
