//! A call as a value: built without I/O, compared in tests, sent by the transport.

use hyper::Method;
use hyper::body::Bytes;
use serde::Serialize;

use crate::url;

/// The version of an object when it was read; sent with a change, it makes the change fail if someone else was quicker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Etag(pub(crate) String);

impl Etag {
    /// The tag as in the header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The body of a call, except streams, which are passed to the transport separately.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    Empty,
    /// The text of an object, or why it could not be serialised.
    Json(Result<Bytes, String>),
    Bytes(Bytes),
}

#[cfg(test)]
impl Body {
    /// The object that is sent.
    pub(crate) fn object(&self) -> serde_json::Value {
        let Self::Json(Ok(text)) = self else { panic!("not JSON: {self:?}") };
        serde_json::from_slice(text).unwrap()
    }
}

/// Whether a call takes `?project=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Project,
    Server,
}

/// One call of the REST API.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) if_match: Option<Etag>,
    pub(crate) body: Body,
    pub(crate) scope: Scope,
    /// The purpose, as it reads after "cannot": `read instance c1`.
    pub(crate) what: String,
}

impl Request {
    fn new<'a>(method: Method, segments: impl IntoIterator<Item = &'a str>, what: impl Into<String>) -> Self {
        Self {
            method,
            path: url::path(segments),
            query: Vec::new(),
            headers: Vec::new(),
            if_match: None,
            body: Body::Empty,
            scope: Scope::Project,
            what: what.into(),
        }
    }

    pub(crate) fn get<'a>(segments: impl IntoIterator<Item = &'a str>, what: impl Into<String>) -> Self {
        Self::new(Method::GET, segments, what)
    }

    pub(crate) fn post<'a>(segments: impl IntoIterator<Item = &'a str>, what: impl Into<String>) -> Self {
        Self::new(Method::POST, segments, what)
    }

    pub(crate) fn put<'a>(segments: impl IntoIterator<Item = &'a str>, what: impl Into<String>) -> Self {
        Self::new(Method::PUT, segments, what)
    }

    pub(crate) fn patch<'a>(segments: impl IntoIterator<Item = &'a str>, what: impl Into<String>) -> Self {
        Self::new(Method::PATCH, segments, what)
    }

    pub(crate) fn delete<'a>(segments: impl IntoIterator<Item = &'a str>, what: impl Into<String>) -> Self {
        Self::new(Method::DELETE, segments, what)
    }

    /// Makes the call about the server as a whole, not about one project.
    pub(crate) fn of_the_server(mut self) -> Self {
        self.scope = Scope::Server;
        self
    }

    pub(crate) fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.query.push((key, value.into()));
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Makes the change fail with [`crate::Error::PreconditionFailed`] unless the object is unchanged.
    pub(crate) fn unchanged_since(mut self, etag: Option<&Etag>) -> Self {
        self.if_match = etag.cloned();
        self
    }

    /// An object that cannot be serialised fails the call when it is sent.
    pub(crate) fn json(mut self, body: &impl Serialize) -> Self {
        self.body = Body::Json(serde_json::to_vec(body).map(Bytes::from).map_err(|error| error.to_string()));
        self
    }

    pub(crate) fn bytes(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Body::Bytes(body.into());
        self
    }

    /// Path and query in the form of the wire, for a client of `project`.
    pub(crate) fn target(&self, project: &str) -> String {
        let scope = (self.scope == Scope::Project).then_some(("project", project));
        let pairs = self.query.iter().map(|(key, value)| (*key, value.as_str())).chain(scope);
        let query = url::query(pairs);
        if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scoped_call_names_its_project() {
        let call = Request::get(["instances"], "list instances").with("recursion", "1");
        assert_eq!(call.target("p one"), "/1.0/instances?recursion=1&project=p%20one");
    }

    #[test]
    fn what_cannot_be_written_is_never_sent() {
        let call = Request::post([], "x").json(&std::collections::BTreeMap::from([(vec![1], 2)]));
        assert!(matches!(call.body, Body::Json(Err(_))), "JSON has no list for a key");
    }

    #[test]
    fn a_call_to_the_server_does_not() {
        assert_eq!(Request::get([], "read the server").of_the_server().target("p"), "/1.0");
    }
}
