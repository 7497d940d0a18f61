//! The daemon's state: objects by their paths, and the requests so far.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::broadcast;

use super::{call::Ended, fault::Faults, script::Answer};

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

    /// Stores an object at a path, or removes the existing one.
    pub(super) fn set(&mut self, path: &str, object: Option<Value>) {
        match object {
            Some(object) => self.objects.insert(path.to_owned(), object),
            None => self.objects.remove(path),
        };
    }

    /// Adds an image and its aliases; returns its fingerprint.
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

    /// An instance as it is read: expanded with its profiles.
    pub(super) fn expanded(&self, instance: &Value) -> Value {
        let mut shown = instance.clone();
        let profiles = instance["profiles"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let layers = profiles.filter_map(|name| self.objects.get(&format!("/1.0/profiles/{name}")));
        for (whole, part) in [("expanded_config", "config"), ("expanded_devices", "devices")] {
            shown[whole] = json!({});
            for layer in layers.clone().chain([instance]) {
                for (key, value) in layer[part].as_object().into_iter().flatten() {
                    shown[whole][key] = value.clone();
                }
            }
        }
        shown
    }

    /// Notifies listeners of events.
    pub(super) fn tell(&self, action: &str, source: &str) {
        let metadata = json!({"action": action, "source": source});
        let event = json!({"type": "lifecycle", "project": "default", "metadata": metadata});
        // there may be no listener
        let _ = self.events.send(event.to_string());
    }
}

/// Sets the keys of a change: those of a map one by one, an empty text removes its key.
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

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
