//! The connection to a server that requests are passed on by, one of TLS that ends here on the other side too.

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

use cci_core::network::HostName;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::header::{HOST, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, StatusCode, Uri, Version};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::sync::{Mutex, oneshot};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::limits::{DIAL, HEAD, HEADERS, UNSENT, WINDOWS};
use super::stream::Stream;
use super::tasks::Tasks;
use super::upgraded;
use crate::of_connection::of_connection;
use crate::scrub::Scrub;

/// HTTP/2 as TLS agrees on it.
pub(super) const H2: &[u8] = b"h2";
/// The same of HTTP/1.1.
pub(super) const HTTP1: &[u8] = b"http/1.1";

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// The server has closed a connection that was kept: whoever asked sees the same, and asks again by itself.
    Unanswered,
    /// It broke, in words.
    Broken(String),
}

impl fmt::Display for Lost {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unanswered => out.write_str("the server has closed the connection"),
            Self::Broken(why) => out.write_str(why),
        }
    }
}

impl Error for Lost {}

/// The way to the server of one connection.
#[derive(Clone)]
pub struct Onward {
    name: HostName,
    to: To,
    state: Arc<State>,
    tasks: Tasks,
}

#[derive(Clone)]
enum To {
    One(Arc<Mutex<http1::SendRequest<Incoming>>>),
    Many(http2::SendRequest<Incoming>),
    /// There is none, in words.
    Nowhere(Arc<str>),
}

#[derive(Default)]
struct State {
    /// Whether it has answered before.
    is_kept: AtomicBool,
    /// Whether nothing more can be asked by it.
    is_closing: AtomicBool,
    /// Whether it has gone over to another protocol.
    is_switched: AtomicBool,
    /// Told when it has ended.
    over: std::sync::Mutex<Option<oneshot::Sender<()>>>,
}

impl State {
    fn end(&self) {
        self.is_closing.store(true, Ordering::Relaxed);
        let over = self.over.lock().unwrap_or_else(PoisonError::into_inner).take();
        // nobody waits for it after the client has gone
        let _ = over.map(|over| over.send(()));
    }
}

/// What a connection is opened with.
pub(super) struct Opening {
    pub(super) onward: Onward,
    /// What both ends of it speak, as TLS agrees on it; nothing if neither named a protocol.
    pub(super) protocol: Option<&'static [u8]>,
    /// Comes when it has ended.
    pub(super) over: oneshot::Receiver<()>,
}

/// The protocols of HTTP among those that a client would speak, in its order.
fn of_http(protocols: &[Vec<u8>]) -> impl Iterator<Item = &'static [u8]> {
    protocols.iter().filter_map(|protocol| [H2, HTTP1].into_iter().find(|known| known == protocol))
}

impl Onward {
    /// The way over a connection that is open. Where it does not come about, every request is answered with the reason.
    pub(super) async fn over<S: Stream>(
        stream: S,
        name: &HostName,
        (outward, protocols): (&ClientConfig, &[Vec<u8>]),
        tasks: &Tasks,
    ) -> Opening {
        let (sender, over) = oneshot::channel();
        let state = Arc::new(State { over: Some(sender).into(), ..State::default() });
        let (to, protocol) = match opened(stream, name, (outward, protocols), (tasks, &state)).await {
            Ok(opened) => opened,
            Err(why) => (To::Nowhere(why.into()), of_http(protocols).next()),
        };
        let onward = Self { name: name.clone(), to, state, tasks: tasks.clone() };
        Opening { onward, protocol, over }
    }

    /// The name of the server.
    #[must_use]
    pub fn name(&self) -> &HostName {
        &self.name
    }

    /// Sends a request there, of which the path, the method, the headers and the body count.
    pub async fn send(&self, request: Request<Incoming>) -> Result<Response<Incoming>, Lost> {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
        let sent = match &self.to {
            To::Nowhere(why) => {
                // the next connection may do better
                self.state.end();
                return Err(Lost::Broken(why.to_string()));
            }
            To::One(sender) => {
                parts.uri = path.into();
                parts.version = Version::HTTP_11;
                let host = HeaderValue::from_str(self.name.as_str()).map_err(|_| self.broken(&"no name"))?;
                parts.headers.insert(HOST, host);
                let mut sender = sender.lock().await;
                sender.ready().await.map_err(|error| self.lost(&error))?;
                sender.send_request(Request::from_parts(parts, body)).await
            }
            To::Many(sender) => {
                let whole = Uri::builder().scheme("https").authority(self.name.as_str()).path_and_query(path).build();
                parts.uri = whole.map_err(|error| self.broken(&error))?;
                parts.version = Version::HTTP_2;
                parts.headers.remove(HOST);
                let mut sender = sender.clone();
                sender.ready().await.map_err(|error| self.lost(&error))?;
                sender.send_request(Request::from_parts(parts, body)).await
            }
        };
        let answer = sent.map_err(|error| self.lost(&error))?;
        self.state.is_kept.store(true, Ordering::Relaxed);
        if answer.version() < Version::HTTP_11
            || of_connection(answer.headers()).any(|word| word.eq_ignore_ascii_case("close"))
        {
            self.state.is_closing.store(true, Ordering::Relaxed);
        }
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            self.state.is_switched.store(true, Ordering::Relaxed);
        }
        Ok(answer)
    }

    /// Joins both ends after they have gone over to web sockets. What comes back is scrubbed.
    pub fn join(&self, client: OnUpgrade, server: OnUpgrade, scrub: Scrub) {
        self.tasks.join(upgraded::join(client, server, scrub));
    }

    /// Whether the client has to be told that it asks no more on this connection.
    pub(super) fn is_closing(&self) -> bool {
        self.state.is_closing.load(Ordering::Relaxed) && !self.is_switched()
    }

    pub(super) fn is_switched(&self) -> bool {
        self.state.is_switched.load(Ordering::Relaxed)
    }

    fn lost(&self, error: &hyper::Error) -> Lost {
        if self.state.is_kept.load(Ordering::Relaxed) && matches!(self.to, To::One(_)) {
            return Lost::Unanswered;
        }
        self.broken(error)
    }

    fn broken(&self, error: &dyn fmt::Display) -> Lost {
        Lost::Broken(format!("the connection to {} broke: {error}", self.name))
    }
}

/// Ends TLS with the server, and begins HTTP.
async fn opened<S: Stream>(
    stream: S,
    name: &HostName,
    (outward, protocols): (&ClientConfig, &[Vec<u8>]),
    (tasks, state): (&Tasks, &Arc<State>),
) -> Result<(To, Option<&'static [u8]>), String> {
    let mut config = outward.clone();
    config.alpn_protocols = of_http(protocols).map(<[u8]>::to_vec).collect();
    let of = ServerName::try_from(name.to_string()).map_err(|_| format!("{name} is in no certificate"))?;
    let connecting = TlsConnector::from(Arc::new(config)).connect(of, stream);
    let tls = match timeout(DIAL, connecting).await {
        Err(_) => return Err(format!("{name} does not answer")),
        Ok(Err(error)) => return Err(format!("no TLS with {name} from the host: {error}")),
        Ok(Ok(tls)) => tls,
    };
    let agreed = tls.get_ref().1.alpn_protocol();
    let protocol = [H2, HTTP1].into_iter().find(|known| agreed == Some(known));
    let broken = |error: hyper::Error| format!("no HTTP with {name} from the host: {error}");
    let ended = Arc::clone(state);
    if protocol == Some(H2) {
        let mut builder = http2::Builder::new(tasks.clone());
        builder.initial_stream_window_size(WINDOWS.0).initial_connection_window_size(WINDOWS.1);
        builder.max_header_list_size(HEADERS).max_send_buf_size(UNSENT);
        let (sender, connection) = builder.handshake(TokioIo::new(tls)).await.map_err(broken)?;
        tasks.drive(async move {
            let _ = connection.await;
            ended.end();
        });
        return Ok((To::Many(sender), protocol));
    }
    let handshake = http1::Builder::new().max_buf_size(HEAD).handshake(TokioIo::new(tls));
    let (sender, connection) = handshake.await.map_err(broken)?;
    tasks.drive(async move {
        let _ = connection.with_upgrades().await;
        ended.end();
    });
    Ok((To::One(Arc::new(Mutex::new(sender))), protocol))
}
