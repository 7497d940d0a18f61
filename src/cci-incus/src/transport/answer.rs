//! Input and output of a transport: byte streams, and upgraded connections.

use std::{io, pin::Pin};

use futures_util::{Stream, StreamExt as _};
use hyper::{
    StatusCode,
    body::Bytes,
    http::{self, HeaderMap},
};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    error::{Error, Result},
    reply::Reply,
    request::{Body, Request},
};

/// Bytes as they come; an error ends them.
pub(crate) type ByteStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// A connection after a 101 answer, of any kind.
pub(crate) type Upgraded = Pin<Box<dyn Connection>>;

/// Both directions of one connection.
pub(crate) trait Connection: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Connection for T {}

/// The payload of a call.
pub(crate) enum Payload {
    Empty,
    Json(Bytes),
    Bytes(Bytes),
    /// Sent while it is read, never held as a whole.
    Stream {
        content_type: String,
        stream: ByteStream,
    },
}

impl Payload {
    pub(crate) fn of(request: &Request) -> Result<Self> {
        Ok(match &request.body {
            Body::Empty => Self::Empty,
            Body::Json(Ok(text)) => Self::Json(text.clone()),
            Body::Json(Err(why)) => return Err(Error::protocol(&request.what, why.as_str())),
            Body::Bytes(bytes) => Self::Bytes(bytes.clone()),
        })
    }

    pub(crate) fn content_type(&self) -> Option<&str> {
        match self {
            Self::Empty => None,
            Self::Json(_) => Some("application/json"),
            Self::Bytes(_) => Some("application/octet-stream"),
            Self::Stream { content_type, .. } => Some(content_type),
        }
    }
}

/// The head of a call, the same for every transport.
pub(crate) fn head(request: &Request, payload: &Payload) -> http::request::Builder {
    let mut head = http::Request::builder().method(request.method.clone());
    if let Some(kind) = payload.content_type() {
        head = head.header(http::header::CONTENT_TYPE, kind);
    }
    if let Some(etag) = &request.if_match {
        head = head.header(http::header::IF_MATCH, etag.as_str());
    }
    request.headers.iter().fold(head, |head, (name, value)| head.header(*name, value))
}

/// The head of an answer and its unread body.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: ByteStream,
}

impl Answer {
    /// Reads the body to its end.
    pub(crate) async fn bytes(mut self) -> io::Result<Vec<u8>> {
        let mut whole = Vec::new();
        while let Some(chunk) = self.body.next().await {
            whole.extend_from_slice(&chunk?);
        }
        Ok(whole)
    }

    /// A header's value, if it is there and readable.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Why a connection was not upgraded: Incus's own error, if the answer contains one.
pub(crate) async fn not_upgraded(request: &Request, status: StatusCode, headers: HeaderMap, body: ByteStream) -> Error {
    let answer = Answer { status, headers, body };
    match answer.bytes().await {
        Err(source) => Error::lost(&request.what, source),
        Ok(body) => match Reply::parse(&body) {
            Ok(Reply::Error { code, message }) => Error::refused(request, code, message),
            _ => Error::protocol(&request.what, format!("HTTP status {status} instead of 101")),
        },
    }
}
