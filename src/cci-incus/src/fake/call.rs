//! A request after parsing, and its answer.

use std::collections::BTreeMap;

use serde_json::Value;

/// One parsed request.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: String,
    /// The segments after `/1.0`.
    pub(super) segments: Vec<String>,
    pub(super) query: BTreeMap<String, String>,
    pub(super) project: String,
    pub(super) if_match: Option<String>,
    pub(super) body: Value,
    /// The failure of its operation.
    pub(super) failure: Option<(u16, String)>,
}

impl Call {
    /// A text of the body.
    pub(super) fn text(&self, key: &str) -> String {
        self.body[key].as_str().unwrap_or_default().to_owned()
    }

    /// A call of the same project without a content.
    pub(super) fn bare(&self) -> Self {
        Self {
            method: String::new(),
            segments: Vec::new(),
            query: BTreeMap::new(),
            project: self.project.clone(),
            if_match: None,
            body: Value::Null,
            failure: None,
        }
    }

    /// Where an object is stored: instances separately by project.
    pub(super) fn key(&self, segments: &[&str]) -> String {
        let path = format!("/1.0/{}", segments.join("/"));
        let apart = segments.first() == Some(&"instances") && self.project != "default";
        if apart { format!("{path}?project={}", self.project) } else { path }
    }
}

/// The answer to a call.
#[derive(Debug)]
pub(super) enum Reply {
    Sync {
        metadata: Value,
        etag: Option<String>,
    },
    Async(Value),
    Error(u16, String),
    /// An operation's failure, which has HTTP status 200.
    Failed(u16, String),
    Bytes(String),
}

impl Reply {
    pub(super) fn ok(metadata: Value) -> Self {
        Self::Sync { metadata, etag: None }
    }

    pub(super) fn not_found() -> Self {
        Self::Error(404, "Not found".to_owned())
    }
}

/// The result of an operation.
pub(super) type Ended = Result<Value, (u16, String)>;
