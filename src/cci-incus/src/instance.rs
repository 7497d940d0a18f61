//! Instances and lists of them.

mod change;
mod create;
mod log;
mod snapshot;
mod state;

use std::{collections::BTreeMap, net::Ipv4Addr};

use cci_incus_types::{
    Devices, Nic,
    device::{disks, nics},
};
use serde::Deserialize;

pub use change::{InstancePatch, InstancePut, StateAction, StateChange};
pub use create::{ImageName, ImageServer, NewInstance, Source};
pub use snapshot::{NewSnapshot, Snapshot};
pub use state::{Address, CpuUsage, DiskUsage, InstanceState, MemoryUsage, NetworkState};

use crate::{
    client::Client,
    error::Result,
    request::{Etag, Request},
    status::Status,
    wire::null_is_default,
};

/// Configuration keys and their values.
pub type Config = BTreeMap<String, String>;

/// A container or virtual machine.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Instance {
    /// Unique within the project.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Incus's word for the state; decide by `status_code`.
    pub status: String,
    /// The state.
    pub status_code: Status,
    /// Settings of the instance itself.
    #[serde(deserialize_with = "null_is_default")]
    pub config: Config,
    /// Devices of the instance itself.
    #[serde(deserialize_with = "null_is_default")]
    pub devices: Devices,
    /// Settings, including those of the profiles.
    #[serde(deserialize_with = "null_is_default")]
    pub expanded_config: Config,
    /// Devices, including those of the profiles.
    #[serde(deserialize_with = "null_is_default")]
    pub expanded_devices: Devices,
    /// Profiles, lowest first.
    #[serde(deserialize_with = "null_is_default")]
    pub profiles: Vec<String>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339; the year 1 or 1970 if it was never used.
    pub last_used_at: String,
    /// Whether Incus deletes it when it stops.
    pub ephemeral: bool,
    /// Whether its running state was saved.
    pub stateful: bool,
    /// `container` or `virtual-machine`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `x86_64`, `aarch64`, …
    pub architecture: String,
    /// The project that it is in.
    pub project: String,
    /// The cluster member that it is on; `none` without a cluster.
    pub location: String,
}

impl Instance {
    /// Its network interfaces, those of the profiles included.
    pub fn nics(&self) -> impl Iterator<Item = &Nic> {
        nics(&self.expanded_devices).map(|(_, nic)| nic)
    }

    /// Its fixed address, if it has one.
    #[must_use]
    pub fn address(&self) -> Option<Ipv4Addr> {
        self.nics().find_map(|nic| nic.ipv4_address)
    }

    /// The host paths that it can write.
    pub fn writable_host_sources(&self) -> impl Iterator<Item = &str> {
        let open = disks(&self.expanded_devices).filter(|(_, disk)| !disk.readonly);
        open.filter_map(|(_, disk)| disk.host_source())
    }

    /// The storage pool of its root disk.
    #[must_use]
    pub fn root_pool(&self) -> Option<&str> {
        cci_incus_types::device::root_disk(&self.expanded_devices)?.pool.as_deref()
    }
}

impl Client {
    /// All instances of the project, without their state (`GET /1.0/instances?recursion=1`). A project that does not
    /// exist looks like an empty one: [`Client::get_project`] tells them apart.
    pub async fn instances(&self) -> Result<Vec<Instance>> {
        self.read_list(&list()).await
    }

    /// The instances of every project that the caller may see (`GET /1.0/instances?recursion=1&all-projects=true`).
    pub async fn instances_of_all_projects(&self) -> Result<Vec<Instance>> {
        self.read_list(&list().with("all-projects", "true").of_the_server()).await
    }

    /// One instance and its version (`GET /1.0/instances/NAME`).
    pub async fn instance(&self, name: &str) -> Result<(Instance, Etag)> {
        self.read_tagged(&get(name)).await
    }
}

fn list() -> Request {
    Request::get(["instances"], "list instances").with("recursion", "1")
}

fn get(name: &str) -> Request {
    Request::get(["instances", name], format!("read instance {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_asks_for_objects_and_not_for_states() {
        assert_eq!(list().target("default"), "/1.0/instances?recursion=1&project=default");
    }

    #[test]
    fn what_an_instance_has_of_its_profiles_counts() {
        let text = r#"{"name":"c1","expanded_devices":{
            "eth0":{"type":"nic","network":"br0","ipv4.address":"10.0.0.9"},
            "a":{"type":"disk","source":"/srv/a","path":"/a"},
            "b":{"type":"disk","source":"/srv/b","path":"/b","readonly":"true"},
            "c":{"type":"disk","source":"volume","pool":"p2","path":"/c"},
            "root":{"type":"disk","pool":"p1","path":"/"}}}"#;
        let instance: Instance = serde_json::from_str(text).unwrap();
        assert_eq!(instance.address(), Some(Ipv4Addr::new(10, 0, 0, 9)));
        assert_eq!(instance.writable_host_sources().collect::<Vec<_>>(), ["/srv/a"]);
        assert_eq!(instance.root_pool(), Some("p1"));
    }

    #[test]
    fn an_instance_is_read_with_nulls_and_unknown_fields() {
        let text = r#"{"name":"c1","status":"Running","status_code":103,"config":{"user.x":"1"},"devices":null,
            "profiles":["default"],"type":"container","ephemeral":true,"brand_new_field":[1]}"#;
        let instance: Instance = serde_json::from_str(text).unwrap();
        assert_eq!(instance.status_code, Status::Running);
        assert_eq!((instance.kind.as_str(), instance.ephemeral), ("container", true));
        assert!(instance.devices.is_empty());
    }
}
