//! Snapshots of instances, and copies of either: what a request does not replace is copied.

use cci_incus_types::OperationKind;
use serde_json::{Value, json};

use super::{
    call::{Call, Reply},
    state::{State, merge},
};

impl State {
    pub(super) fn create_snapshot(&mut self, call: &Call, instance: &str) -> Reply {
        let Some(of) = self.objects.get(&call.key(&["instances", instance])) else { return Reply::not_found() };
        let snapshot = json!({
            "name": call.text("name"), "config": of["config"], "devices": of["devices"], "profiles": of["profiles"],
            "created_at": "2026-01-01T00:00:02Z",
        });
        let path = call.key(&["instances", instance, "snapshots", &call.text("name")]);
        let ended = match call.failure.clone() {
            Some(failure) => Err(failure),
            None if self.objects.contains_key(&path) => {
                Err((409, format!("Snapshot {:?} already exists", call.text("name"))))
            }
            None => {
                self.objects.insert(path, snapshot);
                Ok(())
            }
        };
        self.operation(OperationKind::Snapshotting, Some(instance), ended.map(|()| Value::Null))
    }

    pub(super) fn delete_snapshot(&mut self, instance: &str, path: &str) -> Reply {
        match self.objects.remove(path) {
            Some(_) => self.operation(OperationKind::Other, Some(instance), Ok(Value::Null)),
            None => Reply::not_found(),
        }
    }

    /// What a copy has of its source, and with the keys and devices of the request in place of its own.
    pub(super) fn copied(&self, call: &Call) -> Result<Value, (u16, String)> {
        let source = &call.body["source"];
        let text = |key: &str| source[key].as_str().unwrap_or_default();
        let of = Call { project: source["project"].as_str().unwrap_or(&call.project).to_owned(), ..call.bare() };
        let path = match text("source").split_once('/') {
            Some((instance, snapshot)) => of.key(&["instances", instance, "snapshots", snapshot]),
            None => of.key(&["instances", text("source")]),
        };
        let source = self.objects.get(&path).ok_or_else(|| (404, "Instance not found".to_owned()))?;
        let mut copy =
            json!({"config": source["config"], "devices": source["devices"], "profiles": source["profiles"]});
        if let Some(config) = copy["config"].as_object_mut() {
            config.retain(|key, _| !key.starts_with("volatile.") || key == "volatile.base_image");
        }
        merge(&mut copy, &call.body);
        Ok(copy)
    }

    /// What is noted of the image on the instances of it.
    pub(super) fn of_image(&self, source: &Value) -> Vec<(String, Value)> {
        let image = source["fingerprint"].as_str().and_then(|print| self.objects.get(&format!("/1.0/images/{print}")));
        let properties = image.and_then(|image| image["properties"].as_object()).into_iter().flatten();
        properties.map(|(key, value)| (format!("image.{key}"), value.clone())).collect()
    }

    /// Removes an instance and its snapshots.
    pub(super) fn remove_instance(&mut self, path: &str) {
        let (plain, project) = path.split_once('?').unwrap_or((path, ""));
        let below = format!("{plain}/snapshots/");
        self.objects.retain(|other, _| {
            let (other, of) = other.split_once('?').unwrap_or((other, ""));
            of != project || (other != plain && !other.starts_with(&below))
        });
        self.tell("instance-deleted", path);
    }
}
