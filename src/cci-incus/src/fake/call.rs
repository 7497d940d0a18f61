//! A request as it was read, and what it is answered with.

use std::collections::BTreeMap;

use serde_json::Value;

/// One request, read.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: String,
    /// The segments behind `/1.0`.
    pub(super) segments: Vec<String>,
    pub(super) query: BTreeMap<String, String>,
    pub(super) project: String,
    pub(super) if_match: Option<String>,
    pub(super) body: Value,
    /// What its operation is to fail with.
    pub(super) failure: Option<(u16, String)>,
}

impl Call {
    /// A text of the body.
    pub(super) fn text(&self, key: &str) -> String {
        self.body[key].as_str().unwrap_or_default().to_owned()
    }

    /// Where an object is kept: instances apart by project.
    pub(super) fn key(&self, segments: &[&str]) -> String {
        let path = format!("/1.0/{}", segments.join("/"));
        let apart = segments.first() == Some(&"instances") && self.project != "default";
        if apart { format!("{path}?project={}", self.project) } else { path }
    }
}

/// What a call is answered with.
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

/// How an operation ended.
pub(super) type Ended = Result<Value, (u16, String)>;
