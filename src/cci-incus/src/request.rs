//! A call as a value: built purely, sent by the transport.

use std::fmt;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use serde::Serialize;

/// A body on its way out; it may be a stream, so a call is sent once.
pub type OutBody = UnsyncBoxBody<Bytes, std::io::Error>;

/// The method of a call.
pub use hyper::Method;

/// One call of the API.
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path from the root, its segments escaped.
    pub path: String,
    /// Query parameters, not yet escaped.
    pub query: Vec<(String, String)>,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: OutBody,
}

impl fmt::Debug for Request {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.method, self.target())
    }
}

impl Request {
    /// A call without a body.
    #[must_use]
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
        Self { method, path: path.into(), query: Vec::new(), headers: Vec::new(), body }
    }

    /// A `GET`.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Only if the object is still the one that was read.
    #[must_use]
    pub fn if_match(self, etag: Option<&Etag>) -> Self {
        match etag {
            Some(etag) => self.header("if-match", etag.0.clone()),
            None => self,
        }
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, body: &impl Serialize) -> Self {
        // a type of this crate always serialises: its keys are strings
        let bytes = serde_json::to_vec(body).unwrap_or_default();
        self.header("content-type", "application/json").bytes(bytes)
    }

    /// With a body of bytes.
    #[must_use]
    pub fn bytes(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Full::new(body.into()).map_err(|never| match never {}).boxed_unsync();
        self
    }

    /// With a streamed body.
    #[must_use]
    pub fn stream(mut self, body: OutBody) -> Self {
        self.body = body;
        self
    }

    /// Path and query as they stand in the request line.
    #[must_use]
    pub fn target(&self) -> String {
        let query: Vec<String> =
            self.query.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
        if query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, query.join("&")) }
    }

    /// Method and path, for messages.
    #[must_use]
    pub fn call(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// The version of an object that was read, for [`Request::if_match`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Etag(pub(crate) String);

/// Escapes one path segment or query value.
#[must_use]
pub fn escape(raw: &str) -> String {
    use fmt::Write;
    raw.bytes().fold(String::with_capacity(raw.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // writing to a string cannot fail
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_escaped() {
        let request = Request::get(format!("/1.0/instances/{}", escape("a/b c"))).with("path", "/x y&z=ü");
        assert_eq!(request.target(), "/1.0/instances/a%2Fb%20c?path=%2Fx%20y%26z%3D%C3%BC");
    }

    #[test]
    fn an_etag_becomes_if_match() {
        let request = Request::new(Method::PUT, "/").if_match(Some(&Etag("abc".into())));
        assert_eq!(request.headers, [("if-match", "abc".to_owned())]);
        assert!(Request::get("/").if_match(None).headers.is_empty());
    }
}
