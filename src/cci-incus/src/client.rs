//! The door to one Incus: a value that is cheap to clone and knows where, in which project.

use std::{path::PathBuf, sync::Arc, time::Duration};

use hyper::http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use tracing::{Instrument as _, Span};

use crate::{
    error::{Error, Result},
    reply::Reply,
    request::{Etag, Request},
    transport::{Answer, HttpsRemote, Payload, Transport, Upgraded},
};

/// How long Incus may take to begin an answer that is not itself a wait.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// A client of one Incus server in one project. On a unix socket each call has a connection of its own.
///
/// ```no_run
/// use cci_incus::Client;
///
/// # async fn example() -> cci_incus::Result<()> {
/// let client = Client::unix("/var/lib/incus/unix.socket").in_project("work");
/// match client.instance("c1").await {
///     Ok((instance, _)) => println!("{} has {:?}", instance.name, instance.address()),
///     Err(error) if error.is_not_found() => println!("there is no c1"),
///     Err(error) => return Err(error),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    transport: Arc<Transport>,
    project: Arc<str>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.endpoint())
            .field("project", &self.project)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client of the daemon behind a unix socket; nothing is sent yet.
    #[must_use]
    pub fn unix(socket: impl Into<PathBuf>) -> Self {
        Self::over(Transport::unix(socket.into()))
    }

    /// A client of a remote server; nothing is sent yet. Fails if a certificate, key or fingerprint cannot be read.
    pub fn https(remote: &HttpsRemote) -> Result<Self> {
        Ok(Self::over(Transport::https(remote)?))
    }

    fn over(transport: Transport) -> Self {
        Self { transport: Arc::new(transport), project: "default".into() }
    }

    /// The same server, seen from another project.
    #[must_use]
    pub fn in_project(&self, name: &str) -> Self {
        Self { project: name.into(), transport: Arc::clone(&self.transport) }
    }

    /// The project that calls are made in.
    #[must_use]
    pub fn project(&self) -> &str {
        &self.project
    }

    /// The socket's path or the server's URL, for messages.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.transport.endpoint()
    }

    /// Reads an object.
    pub(crate) async fn read<T: DeserializeOwned>(&self, request: &Request) -> Result<T> {
        Ok(self.read_tagged(request).await?.0)
    }

    /// Reads a list; Incus answers `null` where it has nothing yet, as for the storage pools of a new daemon.
    pub(crate) async fn read_list<T: DeserializeOwned>(&self, request: &Request) -> Result<Vec<T>> {
        Ok(self.read::<Option<Vec<T>>>(request).await?.unwrap_or_default())
    }

    /// Reads an object and its version.
    pub(crate) async fn read_tagged<T: DeserializeOwned>(&self, request: &Request) -> Result<(T, Etag)> {
        let (etag, body) = self.ask(request, Some(ANSWER_LIMIT)).await?;
        Ok((sync_metadata(request, &body)?, etag))
    }

    /// Reads an object from a call that may take as long as it likes; the caller holds the deadline.
    pub(crate) async fn read_unhurried<T: DeserializeOwned>(&self, request: &Request) -> Result<T> {
        let (_, body) = self.ask(request, None).await?;
        sync_metadata(request, &body)
    }

    /// Asks for bytes rather than for an object: an answer in the API's own form is an error, or `read_json` wants it.
    pub(crate) async fn download(&self, request: &Request) -> Result<Answer> {
        let answer = self.send(request, Payload::of(request)?, Some(ANSWER_LIMIT)).await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let status = answer.status;
        let body = whole(request, answer).await?;
        match Reply::parse(&body) {
            Ok(Reply::Error { code, message }) => Err(Error::refused(request, code, message)),
            _ => Err(Error::protocol(&request.what, format!("HTTP status {status}"))),
        }
    }

    /// Asks for another protocol on a connection of its own.
    pub(crate) async fn upgrade(&self, request: &Request) -> Result<(HeaderMap, Upgraded)> {
        let span = span(request);
        let asked = within(request, Some(ANSWER_LIMIT), self.transport.upgrade(request, &self.project));
        let answer = asked.instrument(span.clone()).await;
        span.record("status", if answer.is_ok() { 101_u16 } else { 0 });
        answer
    }

    pub(crate) async fn ask(&self, request: &Request, limit: Option<Duration>) -> Result<(Etag, Vec<u8>)> {
        let (span, mut status) = (span(request), 0);
        let asked = within(request, limit, async {
            let answer = self.transport.send(request, &self.project, Payload::of(request)?).await?;
            status = answer.status.as_u16();
            let etag = Etag(answer.header(header::ETAG.as_str()).unwrap_or_default().to_owned());
            Ok((etag, whole(request, answer).await?))
        })
        .instrument(span.clone())
        .await;
        // the head of a wait comes at once, and the body when it is over
        span.record("status", status);
        asked
    }

    pub(crate) async fn send(&self, request: &Request, payload: Payload, limit: Option<Duration>) -> Result<Answer> {
        let span = span(request);
        let asked = within(request, limit, self.transport.send(request, &self.project, payload));
        let answer = asked.instrument(span.clone()).await;
        span.record("status", answer.as_ref().map_or(0, |answer| answer.status.as_u16()));
        answer
    }
}

/// The span of a request, from its first byte to the end of its answer, or to the head of a streamed one. It has no query:
/// secrets of websockets stand there. Its `status` is 0 where no answer came.
fn span(request: &Request) -> Span {
    let status = tracing::field::Empty;
    tracing::debug_span!("request", method = %request.method, path = request.path, what = request.what, status)
}

pub(crate) async fn whole(request: &Request, answer: Answer) -> Result<Vec<u8>> {
    answer.bytes().await.map_err(|source| Error::lost(&request.what, source))
}

async fn within<T>(request: &Request, limit: Option<Duration>, work: impl Future<Output = Result<T>>) -> Result<T> {
    let Some(after) = limit else {
        return work.await;
    };
    tokio::time::timeout(after, work)
        .await
        .unwrap_or_else(|_| Err(Error::TimedOut { step: request.what.clone(), after, still_running: true }))
}

pub(crate) fn parse<'a>(request: &Request, body: &'a [u8]) -> Result<Reply<'a>> {
    Reply::parse(body).map_err(|source| Error::protocol(&request.what, source))
}

fn sync_metadata<T: DeserializeOwned>(request: &Request, body: &[u8]) -> Result<T> {
    match parse(request, body)? {
        Reply::Sync { metadata } => T::deserialize(metadata).map_err(|source| Error::protocol(&request.what, source)),
        Reply::Error { code, message } => Err(Error::refused(request, code, message)),
        Reply::Async { .. } => Err(Error::protocol(&request.what, "an operation instead of an answer")),
    }
}
