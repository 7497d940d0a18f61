//! The resource use and addresses of a running instance.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{client::Client, error::Result, request::Request, status::Status, wire::null_is_default};

/// `GET /1.0/instances/NAME/state`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct InstanceState {
    /// The state.
    pub status_code: Status,
    /// The host's process id of its init; 0 or less if it does not run.
    pub pid: i64,
    /// How many processes run in it.
    pub processes: i64,
    /// RFC 3339; the year 1 if it does not run.
    pub started_at: String,
    /// Network interfaces by their names in the instance.
    #[serde(deserialize_with = "null_is_default")]
    pub network: BTreeMap<String, NetworkState>,
    /// Memory.
    pub memory: MemoryUsage,
    /// Disks by device name, if the pool counts.
    #[serde(deserialize_with = "null_is_default")]
    pub disk: BTreeMap<String, DiskUsage>,
    /// Processors.
    pub cpu: CpuUsage,
}

impl InstanceState {
    /// Addresses that reach beyond the instance and the link, of one family (`inet` or `inet6`).
    pub fn global_addresses<'a>(&'a self, family: &'a str) -> impl Iterator<Item = &'a str> {
        let all = self.network.values().flat_map(|network| &network.addresses);
        all.filter(move |address| address.scope == "global" && address.family == family).map(|a| a.address.as_str())
    }
}

/// One network interface.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct NetworkState {
    /// Its addresses.
    #[serde(deserialize_with = "null_is_default")]
    pub addresses: Vec<Address>,
    /// The name of its other end on the host.
    pub host_name: String,
    /// Its MAC address.
    pub hwaddr: String,
    /// `up` or `down`.
    pub state: String,
    /// `broadcast`, `loopback`, …
    #[serde(rename = "type")]
    pub kind: String,
}

/// An address of an interface.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Address {
    /// `inet` or `inet6`.
    pub family: String,
    /// The address, without the prefix.
    pub address: String,
    /// The length of the prefix.
    pub netmask: String,
    /// `global`, `link` or `local`.
    pub scope: String,
}

/// Memory in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the fields carry the API's own names")]
pub struct MemoryUsage {
    pub usage: i64,
    pub usage_peak: i64,
    /// The limit, or the host's memory.
    pub total: i64,
}

/// A disk in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the fields carry the API's own names")]
pub struct DiskUsage {
    pub usage: i64,
    /// 0 without a limit.
    pub total: i64,
}

/// Processor time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CpuUsage {
    /// Nanoseconds since the start.
    pub usage: i64,
}

impl Client {
    /// The current resource use and addresses of an instance (`GET /1.0/instances/NAME/state`).
    pub async fn instance_state(&self, name: &str) -> Result<InstanceState> {
        self.read(&get(name)).await
    }
}

fn get(name: &str) -> Request {
    Request::get(["instances", name, "state"], format!("read the state of instance {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_others_can_use_count() {
        let text = r#"{"status_code":103,"pid":12,"network":{
            "lo":{"addresses":[{"family":"inet","address":"127.0.0.1","netmask":"8","scope":"local"}]},
            "eth0":{"addresses":[{"family":"inet","address":"10.77.0.5","netmask":"24","scope":"global"},
                {"family":"inet6","address":"fe80::1","netmask":"64","scope":"link"}]}}}"#;
        let state: InstanceState = serde_json::from_str(text).unwrap();
        assert_eq!(state.global_addresses("inet").collect::<Vec<_>>(), ["10.77.0.5"]);
        assert_eq!(state.global_addresses("inet6").count(), 0);
    }

    #[test]
    fn a_stopped_instance_has_no_network() {
        let state: InstanceState = serde_json::from_str(r#"{"status_code":102,"network":null,"pid":-1}"#).unwrap();
        assert!(state.network.is_empty());
    }
}
