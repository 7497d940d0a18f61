//! What the daemon has: objects by their paths, and the calls on them.

use std::collections::BTreeMap;

use cci_incus_types::OperationKind;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::broadcast;

use super::{
    call::{Call, Reply},
    exec::Answer,
    fault::Faults,
    operation::Ended,
};

/// Everything there is.
#[derive(Debug)]
pub(super) struct State {
    pub(super) objects: BTreeMap<String, Value>,
    pub(super) operations: BTreeMap<String, (Value, Ended)>,
    pub(super) logs: BTreeMap<String, String>,
    pub(super) answers: Vec<(String, Answer)>,
    pub(super) faults: Faults,
    pub(super) requests: Vec<String>,
    pub(super) events: broadcast::Sender<String>,
    ids: u64,
}

impl State {
    pub(super) fn set_up() -> Self {
        let devices = json!({
            "root": {"type": "disk", "path": "/", "pool": "default"},
            "eth0": {"type": "nic", "name": "eth0", "network": "incusbr0"},
        });
        let objects = [
            ("/1.0/projects/default", json!({"name": "default", "config": {}})),
            ("/1.0/storage-pools/default", json!({"name": "default", "driver": "dir", "config": {}})),
            (
                "/1.0/networks/incusbr0",
                json!({"name": "incusbr0", "type": "bridge", "managed": true,
                "status": "Created", "config": {"ipv4.address": "10.77.0.1/24"}}),
            ),
            ("/1.0/profiles/default", json!({"name": "default", "config": {}, "devices": devices})),
        ];
        Self {
            objects: objects.map(|(path, object)| (path.to_owned(), object)).into(),
            operations: BTreeMap::new(),
            logs: BTreeMap::new(),
            answers: Vec::new(),
            faults: Faults::default(),
            requests: Vec::new(),
            events: broadcast::channel(64).0,
            ids: 0,
        }
    }

    pub(super) fn next_id(&mut self) -> String {
        self.ids += 1;
        format!("00000000-0000-4000-8000-{:012}", self.ids)
    }

    /// Does what is asked.
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
            ("DELETE", ["images", _]) => {
                self.objects.remove(&path);
                self.operation(OperationKind::Other, None, Ok(Value::Null))
            }
            ("GET", collection) if is_collection(collection) => self.list(call, &path),
            ("POST", collection) if is_collection(collection) => self.create(call, collection),
            ("GET", _) => self.read(&path),
            ("PUT" | "PATCH", _) => self.change(call, &path),
            ("DELETE", _) => self.delete(&path),
            _ => Reply::Error(501, format!("the fake daemon does not know {} {path}", call.method)),
        }
    }

    fn list(&self, call: &Call, path: &str) -> Reply {
        let everywhere = call.query.get("all-projects").is_some_and(|all| all == "true");
        let (directory, project) = path.split_once('?').map_or((path, ""), |(path, project)| (path, project));
        let inside = self.objects.iter().filter(|(path, _)| {
            let (path, of) = path.split_once('?').unwrap_or((path, ""));
            path.rsplit_once('/').is_some_and(|(parent, _)| parent == directory) && (everywhere || of == project)
        });
        Reply::ok(match call.query.get("recursion") {
            None => inside.map(|(path, _)| json!(path)).collect(),
            Some(_) => inside.map(|(path, object)| self.shown(path, object)).collect(),
        })
    }

    fn create(&mut self, call: &Call, collection: &[&str]) -> Reply {
        let name = call.text("name");
        let path = call.key(&[collection, &[&name]].concat());
        if self.objects.contains_key(&path) {
            return Reply::Error(409, format!("This {name:?} already exists"));
        }
        let mut object = call.body.clone();
        if collection == ["networks"] {
            (object["managed"], object["status"]) = (json!(true), json!("Created"));
        }
        self.objects.insert(path.clone(), object);
        self.tell(&format!("{}-created", collection[0].trim_end_matches('s')), &path);
        Reply::ok(Value::Null)
    }

    fn read(&self, path: &str) -> Reply {
        // a fingerprint may be cut short
        let found = self.objects.get(path).or_else(|| {
            let mut images = self.objects.iter().filter(|(image, _)| image.starts_with(path));
            images
                .next()
                .filter(|_| path.starts_with("/1.0/images/") && !path.contains("/aliases/"))
                .map(|(_, image)| image)
        });
        found.map_or_else(Reply::not_found, |object| Reply::Sync {
            metadata: self.shown(path, object),
            etag: Some(etag(object)),
        })
    }

    /// Changes an object if it is still as it was seen.
    pub(super) fn change(&mut self, call: &Call, path: &str) -> Reply {
        let Some(object) = self.objects.get_mut(path) else { return Reply::not_found() };
        if call.if_match.as_ref().is_some_and(|wanted| *wanted != etag(object)) {
            return Reply::Error(412, "Precondition failed".into());
        }
        if let Some((code, sentence)) = &call.failure {
            return Reply::Error(*code, sentence.clone());
        }
        if call.method == "PUT" {
            for (key, value) in call.body.as_object().into_iter().flatten() {
                object[key] = value.clone();
            }
        } else {
            merge(object, &call.body);
        }
        Reply::ok(Value::Null)
    }

    fn delete(&mut self, path: &str) -> Reply {
        if self.objects.remove(path).is_none() {
            return Reply::not_found();
        }
        self.tell("deleted", path);
        Reply::ok(Value::Null)
    }

    /// Adds an image and its aliases; its fingerprint.
    pub(super) fn add_image(&mut self, body: &Value) -> String {
        let fingerprint = hex(&Sha256::digest(self.next_id()));
        let mut image = json!({"fingerprint": fingerprint, "type": "container", "properties": {}, "aliases": []});
        merge(&mut image, body);
        for alias in body["aliases"].as_array().into_iter().flatten() {
            let name = alias["name"].as_str().unwrap_or_default();
            let object = json!({"name": name, "target": fingerprint, "type": "container"});
            self.objects.insert(format!("/1.0/images/aliases/{name}"), object);
        }
        self.objects.insert(format!("/1.0/images/{fingerprint}"), image);
        fingerprint
    }

    fn shown(&self, path: &str, object: &Value) -> Value {
        if path.starts_with("/1.0/instances/") { self.expanded(object) } else { object.clone() }
    }

    /// Tells who listens to events.
    pub(super) fn tell(&self, action: &str, source: &str) {
        let metadata = json!({"action": action, "source": source});
        let event = json!({"type": "lifecycle", "project": "default", "metadata": metadata});
        // nobody may listen
        let _ = self.events.send(event.to_string());
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

/// Sets the keys of a change: those of a map one by one, an empty text takes its key away.
pub(super) fn merge(object: &mut Value, change: &Value) {
    for (key, value) in change.as_object().into_iter().flatten() {
        match (object.get_mut(key), value) {
            (Some(Value::Object(there)), Value::Object(more)) => {
                there.extend(more.clone());
                there.retain(|_, value| value != "");
            }
            _ => object[key] = value.clone(),
        }
    }
}

fn etag(object: &Value) -> String {
    hex(&Sha256::digest(object.to_string()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn server() -> Value {
    json!({
        "auth": "trusted", "api_version": "1.0", "api_extensions": [], "config": {},
        "environment": {"server_version": "6.0.4", "server_name": "fake", "driver": "lxc", "firewall": "nftables"},
    })
}
