//! Two ways to a server behind one type: a unix socket by hyper, HTTPS by reqwest.

mod https;
mod unix;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::{HeaderMap, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) use https::Https;
pub use https::HttpsRemote;
pub(crate) use unix::Unix;

use crate::error::Result;
use crate::request::Request;

/// A body on its way in.
pub(crate) type InBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// A connection that HTTP has handed over.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What came back, its body still to be read.
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: InBody,
}

/// What came back of a request to upgrade: the connection, or why not.
pub(crate) enum Upgraded {
    Stream { headers: HeaderMap, stream: Box<dyn Stream> },
    Refused(Response),
}

/// How calls reach the server.
pub(crate) enum Transport {
    Unix(Unix),
    Https(Https),
}

impl Transport {
    pub(crate) fn endpoint(&self) -> String {
        match self {
            Self::Unix(unix) => unix.endpoint(),
            Self::Https(https) => https.endpoint(),
        }
    }

    pub(crate) async fn send(&self, request: Request) -> Result<Response> {
        match self {
            Self::Unix(unix) => unix.send(request).await,
            Self::Https(https) => https.send(request).await,
        }
    }

    pub(crate) async fn upgrade(&self, request: Request) -> Result<Upgraded> {
        match self {
            Self::Unix(unix) => unix.upgrade(request).await,
            Self::Https(https) => https.upgrade(request).await,
        }
    }
}
