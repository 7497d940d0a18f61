//! Routes calls to their handlers.

use cci_incus_types::OperationKind;
use serde_json::{Value, json};

use super::{
    call::{Call, Reply},
    state::State,
};

impl State {
    /// Handles a call.
    pub(super) fn reply(&mut self, call: &Call) -> Reply {
        let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        let path = call.key(&segments);
        match (call.method.as_str(), segments.as_slice()) {
            ("GET", []) => Reply::ok(server()),
            ("GET", ["operations"]) => self.list_operations(),
            ("GET", ["operations", id]) => self.read_operation(id),
            ("GET", ["operations", id, "wait"]) => self.wait(id),
            ("POST", ["instances"]) => self.create_instance(call),
            ("GET", ["instances", name, "state"]) => self.instance_state(&call.key(&["instances", name])),
            ("PUT", ["instances", name, "state"]) => self.change_state(call, name, &call.key(&["instances", name])),
            ("POST", ["instances", name, "exec"]) => self.exec(call, name, &call.key(&["instances", name])),
            ("GET", ["instances", name, "logs", file]) => {
                self.logs.get(&format!("{name}/{file}")).cloned().map_or_else(Reply::not_found, Reply::Bytes)
            }
            ("PUT" | "PATCH", ["instances", name]) => self.change_instance(call, name, &path),
            ("DELETE", ["instances", name]) => self.delete_instance(call, name, &path),
            ("GET", ["networks", name, "leases"]) => self.leases(name),
            ("GET", ["storage-pools", _, "resources"]) => {
                Reply::ok(json!({"space": {"used": 1 << 30, "total": 8u64 << 30}}))
            }
            ("POST", ["images"]) => {
                let fingerprint = self.add_image(&call.body);
                self.operation(OperationKind::Other, None, Ok(json!({"fingerprint": fingerprint})))
            }
            ("DELETE", ["images", fingerprint]) => self.delete_image(&path, fingerprint),
            ("POST", ["instances", name, "snapshots"]) => self.create_snapshot(call, name),
            ("DELETE", ["instances", name, "snapshots", _]) => self.delete_snapshot(name, &path),
            ("GET", collection) if is_collection(collection) => self.list(call, &path),
            ("POST", collection) if is_collection(collection) => self.create(call, collection),
            ("GET", _) => self.read(&path),
            ("PUT" | "PATCH", _) => self.change(call, &path),
            ("DELETE", _) => self.delete(&path),
            _ => Reply::Error(501, format!("the fake daemon does not know {} {path}", call.method)),
        }
    }
}

fn is_collection(segments: &[&str]) -> bool {
    matches!(
        segments,
        ["instances" | "profiles" | "networks" | "network-acls" | "images" | "projects" | "storage-pools" | "warnings"]
            | ["images", "aliases"]
            | ["instances", _, "snapshots"]
            | ["storage-pools", _, "volumes", "custom"]
    )
}

fn server() -> Value {
    json!({
        "auth": "trusted", "api_version": "1.0", "api_extensions": [], "config": {},
        "environment": {"server_version": "6.0.4", "server_name": "fake", "driver": "lxc", "firewall": "nftables"},
    })
}
