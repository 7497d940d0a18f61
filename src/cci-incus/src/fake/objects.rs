//! Any object by its path: listed, created, read, changed if unchanged since, deleted.

use cci_incus_types::OperationKind;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    call::{Call, Reply},
    state::{State, hex, merge},
};

impl State {
    pub(super) fn list(&self, call: &Call, path: &str) -> Reply {
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

    pub(super) fn create(&mut self, call: &Call, collection: &[&str]) -> Reply {
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

    pub(super) fn read(&self, path: &str) -> Reply {
        // a fingerprint may be abbreviated
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

    /// Changes an object if it is still as it was read.
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

    pub(super) fn delete(&mut self, path: &str) -> Reply {
        if self.objects.remove(path).is_none() {
            return Reply::not_found();
        }
        self.tell("deleted", path);
        Reply::ok(Value::Null)
    }

    fn shown(&self, path: &str, object: &Value) -> Value {
        if path.starts_with("/1.0/instances/") {
            return self.expanded(object);
        }
        let mut shown = object.clone();
        if path.starts_with("/1.0/images/") && object["fingerprint"].is_string() {
            let named = self.objects.range("/1.0/images/aliases/".to_owned()..);
            let aliases = named.map(|(_, alias)| alias).filter(|alias| alias["target"] == object["fingerprint"]);
            shown["aliases"] = aliases.cloned().collect();
        }
        shown
    }

    /// Deletes an image with its names.
    pub(super) fn delete_image(&mut self, path: &str, fingerprint: &str) -> Reply {
        if self.objects.remove(path).is_none() {
            return Reply::not_found();
        }
        self.objects.retain(|path, alias| !path.starts_with("/1.0/images/aliases/") || alias["target"] != fingerprint);
        self.operation(OperationKind::Other, None, Ok(Value::Null))
    }
}

fn etag(object: &Value) -> String {
    hex(&Sha256::digest(object.to_string()))
}
