//! Operations in Incus's own form.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::{status::Status, wire::null_is_default};

/// Incus's description of an operation.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct OperationInfo {
    /// A UUID.
    pub id: String,
    /// What it does, in Incus's words: `Executing command`.
    pub description: String,
    /// RFC 3339.
    pub created_at: String,
    /// Its state.
    pub status_code: Status,
    /// What it is about: kind → paths (`instances` → `/1.0/instances/c1`).
    #[serde(deserialize_with = "null_is_default")]
    pub resources: BTreeMap<String, Vec<String>>,
    /// Secrets of its websockets, its progress, its result.
    pub metadata: Value,
    /// Whether it can be cancelled now.
    pub may_cancel: bool,
    /// Why it failed; empty if it did not.
    pub err: String,
}

impl OperationInfo {
    /// The names of the instances that it is about.
    pub fn instances(&self) -> impl Iterator<Item = &str> {
        let paths = self.resources.values().flatten().map(|path| path.split('?').next().unwrap_or_default());
        paths.filter_map(|path| path.strip_prefix("/1.0/instances/")).filter(|name| !name.contains('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instances_are_named_by_their_paths() {
        let paths =
            ["/1.0/instances/c1?project=p", "/1.0/instances/c2", "/1.0/instances/c3/snapshots/s", "/1.0/images/x"];
        let resources = [("any".to_owned(), paths.map(str::to_owned).to_vec())].into();
        let info = OperationInfo { resources, ..OperationInfo::default() };
        assert_eq!(info.instances().collect::<Vec<_>>(), ["c1", "c2"]);
    }

    #[test]
    fn lists_that_are_null_are_empty() {
        let info: OperationInfo = serde_json::from_str(r#"{"id":"x","resources":null,"metadata":null}"#).unwrap();
        assert!(info.resources.is_empty() && info.metadata.is_null());
    }
}
