//! HTTP on a socket, with a bound on everything that the other side decides: how many, how large, how long.

use std::convert::Infallible;
use std::error::Error;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The longest body of a request.
pub(super) const LARGEST: usize = 64 * 1024;
/// The longest head of a request that only asks cci.
pub(super) const LARGEST_HEAD: usize = 16 * 1024;
/// How long a head may take to arrive, and then a body.
const ARRIVES: Duration = Duration::from_secs(5);
/// How long to wait where no connection can be accepted now.
const NO_FILES: Duration = Duration::from_millis(200);

/// An answer.
pub(super) type Answer = Response<Full<Bytes>>;

/// What a socket allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// How many connections at once; further ones wait in the kernel's own bounded list.
    pub(super) connections: usize,
    /// How long one lives; none where those who connect are trusted.
    pub(super) lives: Option<Duration>,
    /// The longest head of a request; as much of a body is held.
    pub(super) head: usize,
}

/// An answer with a JSON document.
pub(super) fn answer(status: StatusCode, body: &Value) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(format!("{body}\n"))));
    *answer.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
    answer
}

/// A refusal in the form of cci's failures.
pub(super) fn refusal(status: StatusCode, code: &str, message: &str) -> Answer {
    answer(status, &json!({ "error": { "code": code, "message": message } }))
}

/// The body of a request.
pub(super) struct Body {
    bytes: Vec<u8>,
    /// Whether it went on after that.
    is_cut: bool,
}

impl Body {
    /// Reads as much as is allowed, as long as is allowed; `None` if it does not arrive.
    pub(super) async fn of(request: Request<Incoming>) -> Option<Self> {
        let mut body = Self { bytes: Vec::new(), is_cut: false };
        let read = async {
            let mut incoming = request.into_body();
            while let Some(frame) = incoming.frame().await {
                let Ok(data) = frame.ok()?.into_data() else { continue };
                let room = LARGEST - body.bytes.len();
                body.bytes.extend_from_slice(&data[..data.len().min(room)]);
                if data.len() > room {
                    body.is_cut = true;
                    break;
                }
            }
            Some(())
        };
        timeout(ARRIVES, read).await.ok()??;
        Some(body)
    }

    /// The document, if it is whole.
    pub(super) fn json(&self) -> Option<Value> {
        if self.is_cut { None } else { serde_json::from_slice(&self.bytes).ok() }
    }

    /// The document, or as much of it as has arrived: it may end within a text.
    pub(super) fn as_far_as_it_goes(&self) -> Option<Value> {
        if !self.is_cut {
            return self.json();
        }
        // an escape or a character may be cut as well
        let within_text = (0..12).find_map(|cut| {
            let text = [self.bytes.get(..self.bytes.len() - cut)?, b"\"}"].concat();
            serde_json::from_slice::<Value>(&text).ok()
        });
        within_text.or_else(|| cci_agent::json::mended(&self.bytes))
    }
}

/// A body that is sent.
pub(super) trait Sent:
    hyper::body::Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + 'static
{
}

impl<B: hyper::body::Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + 'static> Sent for B {}

/// Answers what comes on a socket until it is dropped.
pub(super) async fn serve<B: Sent, F: Future<Output = Response<B>> + 'static>(
    listener: UnixListener,
    limits: Limits,
    respond: impl Fn(Request<Incoming>) -> F + 'static,
) -> Infallible {
    let (respond, room) = (Rc::new(respond), Arc::new(Semaphore::new(limits.connections)));
    // they end with the listener
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            // one that has ended holds memory until it is joined
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &room) => accepted,
        };
        let Some((place, stream)) = accepted else {
            tokio::time::sleep(NO_FILES).await;
            continue;
        };
        let respond = Rc::clone(&respond);
        connections.spawn_local(async move {
            let talk = talk(stream, limits.head, respond);
            match limits.lives {
                Some(lives) => drop(timeout(lives, talk).await),
                None => talk.await,
            }
            drop(place);
        });
    }
}

/// The next connection, as soon as there is room for it.
async fn accept(listener: &UnixListener, room: &Arc<Semaphore>) -> Option<(OwnedSemaphorePermit, UnixStream)> {
    let place = Arc::clone(room).acquire_owned().await.ok()?;
    let (stream, _) = listener.accept().await.ok()?;
    Some((place, stream))
}

async fn talk<B: Sent, F: Future<Output = Response<B>> + 'static>(
    stream: UnixStream,
    head: usize,
    respond: Rc<impl Fn(Request<Incoming>) -> F + 'static>,
) {
    let service = service_fn(move |request| {
        let answer = respond(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(head)
        .timer(TokioTimer::new())
        .header_read_timeout(ARRIVES)
        .serve_connection(TokioIo::new(stream), service);
    // whatever the other side does wrong ends this connection alone
    let _ = connection.await;
}
