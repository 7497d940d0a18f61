//! The client: sends calls in a project, reads the answers, and lets an observer see each exchange.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::HeaderMap;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::operation::Operation;
use crate::reply::Reply;
use crate::request::{Etag, Request};
pub use crate::transport::HttpsRemote;
use crate::transport::{Https, Response, Stream, Transport, Unix, Upgraded};

/// How long the server may take to answer a call that is not a wait.
const ANSWER: Duration = Duration::from_secs(60);

/// One call and its answer, for whoever watches.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Method and path.
    pub call: String,
    /// HTTP status; `None` if no answer came.
    pub status: Option<u16>,
    /// From the first byte out to the last byte in.
    pub elapsed: Duration,
}

type Observer = Arc<dyn Fn(&Exchange) + Send + Sync>;

/// A cheap handle: clones share the connections.
#[derive(Clone)]
pub struct Client {
    transport: Arc<Transport>,
    project: String,
    observer: Option<Observer>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Client({}, project {})", self.transport.endpoint(), self.project)
    }
}

impl Client {
    /// A client of a local Incus; nothing is sent yet.
    pub fn unix(socket: impl Into<PathBuf>) -> Self {
        Self::over(Transport::Unix(Unix::new(socket.into())))
    }

    /// A client of a remote Incus; nothing is sent yet.
    pub fn https(remote: &HttpsRemote) -> Result<Self> {
        Ok(Self::over(Transport::Https(Https::new(remote)?)))
    }

    fn over(transport: Transport) -> Self {
        Self { transport: Arc::new(transport), project: "default".to_owned(), observer: None }
    }

    /// The same connections, in another project.
    #[must_use]
    pub fn in_project(&self, name: &str) -> Self {
        Self { project: name.to_owned(), ..self.clone() }
    }

    /// The project its calls are made in.
    #[must_use]
    pub fn project(&self) -> &str {
        &self.project
    }

    /// Socket path or address.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.transport.endpoint()
    }

    /// Lets `observer` see every exchange.
    #[must_use]
    pub fn observed(&self, observer: Arc<dyn Fn(&Exchange) + Send + Sync>) -> Self {
        Self { observer: Some(observer), ..self.clone() }
    }

    /// A call whose result is a value.
    pub async fn value<T: DeserializeOwned>(&self, request: Request) -> Result<T> {
        self.value_with_etag(request).await.map(|(value, _)| value)
    }

    /// The same, with the version of the object.
    pub async fn value_with_etag<T: DeserializeOwned>(&self, request: Request) -> Result<(T, Etag)> {
        let call = request.call();
        let (reply, headers) = self.reply(request, Some(ANSWER)).await?;
        let Reply::Sync(value) = reply else {
            return Err(Error::Protocol { call, problem: "an operation where a value was expected".into() });
        };
        let value =
            serde_json::from_value(value).map_err(|error| Error::Protocol { call, problem: error.to_string() })?;
        let etag = headers.get("etag").and_then(|etag| etag.to_str().ok()).unwrap_or_default();
        Ok((value, Etag(etag.to_owned())))
    }

    /// A call that only has to succeed; an operation is waited for, as some servers answer so.
    pub async fn done(&self, request: Request) -> Result<()> {
        let call = request.call();
        match self.reply(request, Some(ANSWER)).await?.0 {
            Reply::Async { operation, metadata } => {
                Operation::new(self.clone(), &operation, metadata).wait(&call, ANSWER).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    /// A call that the server takes on as an operation.
    pub async fn operation_of(&self, request: Request) -> Result<Operation> {
        self.operation_within(request, Some(ANSWER)).await
    }

    /// The same for an upload, which takes as long as it takes.
    pub(crate) async fn operation_within(&self, request: Request, limit: Option<Duration>) -> Result<Operation> {
        let call = request.call();
        match self.reply(request, limit).await?.0 {
            Reply::Async { operation, metadata } => Ok(Operation::new(self.clone(), &operation, metadata)),
            _ => Err(Error::Protocol { call, problem: "a value where an operation was expected".into() }),
        }
    }

    /// The answer as it stands, an error reply as an [`Error`].
    pub(crate) async fn reply(&self, request: Request, limit: Option<Duration>) -> Result<(Reply, HeaderMap)> {
        let call = request.call();
        let (_, headers, bytes) = self.bytes(request, limit).await?;
        match Reply::parse(&bytes).map_err(|problem| Error::Protocol { call: call.clone(), problem })? {
            Reply::Error { code, message } => Err(Error::Refused { call, code, message }),
            reply => Ok((reply, headers)),
        }
    }

    /// The raw body of an answer, whatever it is.
    pub(crate) async fn bytes(&self, request: Request, limit: Option<Duration>) -> Result<(u16, HeaderMap, Bytes)> {
        let (call, began) = (request.call(), Instant::now());
        let exchange = async {
            let response = self.transport.send(self.scoped(request)).await?;
            let (status, headers) = (response.status.as_u16(), response.headers);
            let body = response.body.collect().await.map_err(Error::Broken)?.to_bytes();
            Ok((status, headers, body))
        };
        let done = match limit {
            None => exchange.await,
            Some(limit) => tokio::time::timeout(limit, exchange)
                .await
                .unwrap_or_else(|_| Err(Error::TimedOut { step: call.clone(), after: limit, still_running: false })),
        };
        self.observe(call, done.as_ref().ok().map(|(status, ..)| *status), began);
        done
    }

    /// A connection that the server hands over to another protocol.
    pub(crate) async fn upgrade(&self, request: Request) -> Result<(HeaderMap, Box<dyn Stream>)> {
        let (call, began) = (request.call(), Instant::now());
        let upgraded = tokio::time::timeout(ANSWER, self.transport.upgrade(self.scoped(request)))
            .await
            .unwrap_or_else(|_| Err(Error::TimedOut { step: call.clone(), after: ANSWER, still_running: false }))?;
        match upgraded {
            Upgraded::Stream { headers, stream } => {
                self.observe(call, Some(101), began);
                Ok((headers, stream))
            }
            Upgraded::Refused(response) => {
                self.observe(call.clone(), Some(response.status.as_u16()), began);
                Err(refusal(call, response).await)
            }
        }
    }

    /// Every call says its project; the server ignores it where it means nothing.
    fn scoped(&self, request: Request) -> Request {
        let named = request.query.iter().any(|(name, _)| matches!(name.as_str(), "project" | "all-projects"));
        if named { request } else { request.with("project", self.project.clone()) }
    }

    fn observe(&self, call: String, status: Option<u16>, began: Instant) {
        let elapsed = began.elapsed();
        tracing::debug!(%call, status, ?elapsed, "incus");
        if let Some(observer) = &self.observer {
            observer(&Exchange { call, status, elapsed });
        }
    }
}

/// The error in the body of an answer that is not the expected stream.
async fn refusal(call: String, response: Response) -> Error {
    let status = response.status.as_u16();
    let bytes = match response.body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Error::Broken(error),
    };
    match Reply::parse(&bytes) {
        Ok(Reply::Error { code, message }) => Error::Refused { call, code, message },
        _ => Error::Protocol { call, problem: format!("HTTP status {status}") },
    }
}

/// A JSON value by its path of keys; `Null` where there is none.
pub(crate) fn at<'a>(value: &'a Value, keys: &[&str]) -> &'a Value {
    keys.iter().fold(value, |value, key| value.get(key).unwrap_or(&Value::Null))
}
