//! HTTP over the unix socket of a local Incus.

use std::io;
use std::path::PathBuf;

use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyperlocal::{UnixConnector, Uri};

use super::{Response, Upgraded};
use crate::error::{Error, Result};
use crate::request::{OutBody, Request};

/// A pool of connections to one socket.
pub(crate) struct Unix {
    socket: PathBuf,
    client: Client<UnixConnector, OutBody>,
}

impl Unix {
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self { socket, client: Client::builder(TokioExecutor::new()).build(UnixConnector) }
    }

    pub(crate) fn endpoint(&self) -> String {
        self.socket.display().to_string()
    }

    pub(crate) async fn send(&self, request: Request) -> Result<Response> {
        let (parts, body) = self.raw(request).await?.into_parts();
        let body = body.map_err(Into::into).boxed_unsync();
        Ok(Response { status: parts.status, headers: parts.headers, body })
    }

    pub(crate) async fn upgrade(&self, request: Request) -> Result<Upgraded> {
        let response = self.raw(request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let (parts, body) = response.into_parts();
            let body = body.map_err(Into::into).boxed_unsync();
            return Ok(Upgraded::Refused(Response { status: parts.status, headers: parts.headers, body }));
        }
        let headers = response.headers().clone();
        let stream = hyper::upgrade::on(response).await.map_err(|error| Error::Broken(error.into()))?;
        Ok(Upgraded::Stream { headers, stream: Box::new(TokioIo::new(stream)) })
    }

    async fn raw(&self, request: Request) -> Result<hyper::Response<hyper::body::Incoming>> {
        let uri: hyper::Uri = Uri::new(&self.socket, &request.target()).into();
        let mut built = hyper::Request::builder().method(request.method.clone()).uri(uri).header("host", "incus");
        for (name, value) in &request.headers {
            built = built.header(*name, value);
        }
        let call = request.call();
        let built = built.body(request.body).map_err(|error| Error::Protocol { call, problem: error.to_string() })?;
        self.client.request(built).await.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: hyper_util::client::legacy::Error) -> Error {
        let endpoint = self.endpoint();
        if !error.is_connect() {
            return Error::Broken(error.into());
        }
        match io_kind(&error) {
            Some(io::ErrorKind::PermissionDenied) => Error::Forbidden { endpoint },
            _ => Error::Unreachable { endpoint, source: error.into() },
        }
    }
}

/// The kind of the innermost I/O error.
fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<io::ErrorKind> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        next = error.source();
    }
    None
}
