//! The local transport: HTTP over the daemon's unix socket, one connection per call.
//!
//! A connection is never reused: a request that follows an answer within about 0.1 ms on the same connection is read by
//! Incus 6.0.4 only when the connection closes (it then reports `context canceled`), so that the call hangs until its
//! deadline. A new connection costs about 50 µs.

use std::{io, path::PathBuf};

use futures_util::{StreamExt as _, TryStreamExt as _};
use http_body_util::{BodyExt as _, Empty, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    StatusCode,
    body::{Bytes, Frame, Incoming},
    client::conn::http1,
    http::{self, HeaderMap},
};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::answer::{Answer, Payload, Upgraded, head, not_upgraded};
use crate::{
    error::{Error, Result},
    request::Request,
};

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// The daemon's socket.
#[derive(Debug)]
pub(crate) struct Unix {
    socket: PathBuf,
    endpoint: String,
}

impl Unix {
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self { endpoint: socket.display().to_string(), socket }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) async fn send(&self, request: &Request, project: &str, payload: Payload) -> Result<Answer> {
        let answer = self.exchange(request, project, payload).await?;
        let (head, body) = answer.into_parts();
        let body = body.into_data_stream().map_err(io::Error::other).boxed();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    pub(crate) async fn upgrade(&self, request: &Request, project: &str) -> Result<(HeaderMap, Upgraded)> {
        let mut answer = self.exchange(request, project, Payload::Empty).await?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            let (head, body) = answer.into_parts();
            let body = body.into_data_stream().map_err(io::Error::other).boxed();
            return Err(not_upgraded(request, head.status, head.headers, body).await);
        }
        let headers = std::mem::take(answer.headers_mut());
        let upgraded = hyper::upgrade::on(answer).await.map_err(|source| Error::lost(&request.what, source))?;
        Ok((headers, Box::pin(TokioIo::new(upgraded))))
    }

    async fn exchange(&self, request: &Request, project: &str, payload: Payload) -> Result<http::Response<Incoming>> {
        let call = head(request, &payload)
            .uri(request.target(project))
            .header(http::header::HOST, "incus")
            .body(body(payload))
            .map_err(|source| Error::protocol(&request.what, source))?;
        let stream = UnixStream::connect(&self.socket).await.map_err(|source| self.unreachable(source))?;
        let lost = |source| Error::lost(&request.what, source);
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
        // it ends with the answer, or with the connection that the answer was upgraded to; the answer reports the
        // result
        tokio::spawn(connection.with_upgrades());
        sender.send_request(call).await.map_err(lost)
    }

    fn unreachable(&self, source: io::Error) -> Error {
        let endpoint = self.endpoint.clone();
        match source.kind() {
            io::ErrorKind::PermissionDenied => Error::Forbidden { endpoint, source },
            _ => Error::Unreachable { endpoint, source: source.into() },
        }
    }
}

fn body(payload: Payload) -> Body {
    match payload {
        Payload::Empty => Empty::new().map_err(|never| match never {}).boxed_unsync(),
        Payload::Json(bytes) | Payload::Bytes(bytes) => Full::new(bytes).map_err(|never| match never {}).boxed_unsync(),
        Payload::Stream { stream, .. } => StreamBody::new(stream.map_ok(Frame::data)).boxed_unsync(),
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{UnixListener, UnixStream},
    };

    use crate::Client;

    #[tokio::test]
    async fn a_socket_that_is_not_there_is_named() {
        let missing = Client::unix("/nonexistent/socket").networks().await.unwrap_err();
        assert_eq!(missing.to_string(), "cannot reach incus at /nonexistent/socket");
        assert!(missing.is_unreachable());
        assert!(Client::unix("").networks().await.unwrap_err().is_unreachable());
    }

    const ANSWER: &str = "{\"type\":\"sync\",\"metadata\":[]}";

    /// Answers every request of one connection and keeps it open, as Incus does.
    async fn answer(mut stream: UnixStream) {
        let mut request = [0; 4096];
        while stream.read(&mut request).await.is_ok_and(|count| count > 0) {
            let reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{ANSWER}", ANSWER.len());
            let _ = stream.write_all(reply.as_bytes()).await;
        }
    }

    #[tokio::test]
    async fn each_call_has_a_connection_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("socket")).unwrap();
        let client = Client::unix(dir.path().join("socket"));
        let calls = async {
            for _ in 0..3 {
                client.networks().await.unwrap();
            }
        };
        let accept = async {
            for _ in 0..3 {
                tokio::spawn(answer(listener.accept().await.unwrap().0));
            }
        };
        let both = async { tokio::join!(calls, accept) };
        tokio::time::timeout(std::time::Duration::from_secs(10), both).await.unwrap();
    }
}
