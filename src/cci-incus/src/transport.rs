//! Sends calls over a unix socket or HTTPS.

mod answer;
mod https;
mod pin;
mod unix;

use std::path::PathBuf;

use hyper::http;

pub(crate) use answer::{Answer, ByteStream, Payload, Upgraded};
pub use https::HttpsRemote;

use crate::{error::Result, request::Request};

/// A transport to Incus.
#[derive(Debug)]
pub(crate) enum Transport {
    Unix(unix::Unix),
    Https(https::Https),
}

impl Transport {
    pub(crate) fn unix(socket: PathBuf) -> Self {
        Self::Unix(unix::Unix::new(socket))
    }

    pub(crate) fn https(remote: &HttpsRemote) -> Result<Self> {
        Ok(Self::Https(https::Https::new(remote)?))
    }

    /// The socket's path or the URL, for messages.
    pub(crate) fn endpoint(&self) -> &str {
        match self {
            Self::Unix(unix) => unix.endpoint(),
            Self::Https(https) => https.endpoint(),
        }
    }

    /// Sends a call and returns as soon as the head of the answer has arrived.
    pub(crate) async fn send(&self, request: &Request, project: &str, payload: Payload) -> Result<Answer> {
        match self {
            Self::Unix(unix) => unix.send(request, project, payload).await,
            Self::Https(https) => https.send(request, project, payload).await,
        }
    }

    /// Sends a call that requests another protocol, and returns the connection once it is granted.
    pub(crate) async fn upgrade(&self, request: &Request, project: &str) -> Result<(http::HeaderMap, Upgraded)> {
        match self {
            Self::Unix(unix) => unix.upgrade(request, project).await,
            Self::Https(https) => https.upgrade(request, project).await,
        }
    }
}
