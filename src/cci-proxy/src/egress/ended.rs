//! A connection of TLS that is ended here: its requests are judged one by one, and answered by whoever carries them on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cci_core::network::{HostName, NotAName, Reach};
use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::http::uri::{Authority, PathAndQuery};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::carry::{Carry, Ending};
use super::connection::{Egress, Opened};
use super::dial::Dial;
use super::limits::{HEAD, HEAD_TIME, HEADERS, IDLE, REQUESTS, UNSENT, WINDOWS};
use super::note::{Note, Notes, Peer};
use super::onward::{H2, Lost, Onward, Opening};
use super::outward::{may_lead, rule};
use super::refusal::Refusal;
use super::replayed::Replayed;
use super::resolve::Resolve;
use super::stream::Stream;
use super::tasks::{Tasks, Until};
use super::words::words;

/// A connection that is to be ended, and what the client would speak in it.
pub(super) struct Ended {
    pub(super) ending: Ending,
    pub(super) protocols: Vec<Vec<u8>>,
    pub(super) place: OwnedSemaphorePermit,
}

impl<R: Resolve, D: Dial, N: Notes, C: Carry> Egress<R, D, N, C> {
    /// Serves it to its end.
    pub(super) async fn ended<S: Stream>(
        &self,
        client: Replayed<S>,
        opened: Opened<D::Stream>,
        port: u16,
        ended: Ended,
    ) {
        let (Opened { stream, way }, Ended { ending, protocols, place: _place }) = (opened, ended);
        let (moved, tasks) = (client.moved(), Until(Tasks::default()));
        let served = async {
            let opening = Onward::over(stream, way.name(), (&ending.outward, &protocols), &tasks.0);
            let Opening { onward, protocol, over } = opening.await;
            let Some(client) = accepted(client, &ending.leaf, protocol).await else {
                return self.refused(&Refusal::Unaccepted { name: way.name().clone() });
            };
            let within = Within {
                name: way.name().clone(),
                port,
                address: way.address(),
                container: self.container.clone(),
                reach: self.reach.clone(),
                notes: self.notes.clone(),
                carrier: self.carrier.clone(),
                onward,
                under_way: AtomicUsize::new(0),
            };
            let within = Arc::new(within);
            if protocol == Some(H2) {
                within.many(client, over, &tasks.0).await;
            } else {
                within.one(client, over, &tasks.0).await;
            }
            String::new()
        };
        tokio::select! {
            _ = served => {}
            () = moved.until_quiet(IDLE) => {}
        }
        let (sent, received) = moved.both();
        self.closed(&way, sent, received);
    }
}

/// Ends TLS with the client; `None` if it does not come to that, as where it does not accept the certificate.
async fn accepted<S>(client: S, leaf: &CertifiedKey, protocol: Option<&'static [u8]>) -> Option<TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    let shown = Arc::new(SingleCertAndKey::from(leaf.clone()));
    let mut config = config.with_no_client_auth().with_cert_resolver(shown);
    config.alpn_protocols = protocol.into_iter().map(<[u8]>::to_vec).collect();
    // nothing is resumed: each connection is judged from its first byte
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    let accepting = TlsAcceptor::from(Arc::new(config)).accept(client);
    timeout(HEAD_TIME, accepting).await.ok()?.ok()
}

/// What is within one connection.
struct Within<N, C> {
    name: HostName,
    port: u16,
    address: Peer,
    container: String,
    reach: watch::Receiver<Arc<Reach>>,
    notes: N,
    carrier: C,
    onward: Onward,
    /// How many requests are being answered.
    under_way: AtomicUsize,
}

/// A refusal, or what the carrier answers.
type Answer<B> = Response<Either<Full<Bytes>, B>>;

impl<N: Notes, C: Carry> Within<N, C> {
    /// Serves HTTP/1.1.
    async fn one<S: Stream>(
        self: Arc<Self>,
        client: TlsStream<Replayed<S>>,
        over: oneshot::Receiver<()>,
        tasks: &Tasks,
    ) {
        let within = Arc::clone(&self);
        let service = service_fn(move |request| Arc::clone(&within).answer(request));
        let mut builder = http1::Builder::new();
        builder.max_buf_size(HEAD).half_close(true);
        let connection = builder.serve_connection(TokioIo::new(client), service).with_upgrades();
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            biased;
            _ = connection.as_mut() => {}
            Ok(()) = over => {
                // an answer that is under way says itself that it is the last one
                if self.under_way.load(Ordering::Relaxed) == 0 && !self.onward.is_switched() {
                    connection.as_mut().graceful_shutdown();
                }
                let _ = connection.await;
            }
        }
        tasks.until_joined().await;
    }

    /// Serves HTTP/2.
    async fn many<S: Stream>(
        self: Arc<Self>,
        client: TlsStream<Replayed<S>>,
        over: oneshot::Receiver<()>,
        tasks: &Tasks,
    ) {
        let service = service_fn(move |request| Arc::clone(&self).answer(request));
        let mut builder = http2::Builder::new(tasks.clone());
        builder.initial_stream_window_size(WINDOWS.0).initial_connection_window_size(WINDOWS.1);
        builder.max_header_list_size(HEADERS).max_concurrent_streams(REQUESTS).max_send_buf_size(UNSENT);
        let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(client), service));
        tokio::select! {
            biased;
            _ = connection.as_mut() => {}
            Ok(()) = over => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }

    /// Answers a request.
    async fn answer(self: Arc<Self>, mut request: Request<Incoming>) -> Result<Answer<C::Body>, Lost> {
        if let Err(refusal) = self.judge(&mut request) {
            return Ok(self.refuse(&refusal));
        }
        let has_others = request.version() >= Version::HTTP_2;
        self.under_way.fetch_add(1, Ordering::Relaxed);
        let answered = self.carrier.answer(request, self.onward.clone()).await;
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        let mut answer = answered?;
        if !has_others && self.onward.is_closing() {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(answer.map(Either::Right))
    }

    /// Whether it is for this connection's name, and that may still be reached; leaves it with its path alone.
    fn judge(&self, request: &mut Request<Incoming>) -> Result<(), Refusal> {
        let path = meant(request, &self.name, self.port)?;
        let reach = self.reach.borrow();
        rule(&reach, &self.name, self.port)?;
        may_lead(&reach, &self.name, self.address)?;
        request.headers_mut().remove(HOST);
        *request.uri_mut() = path.into();
        Ok(())
    }

    fn refuse(&self, refusal: &Refusal) -> Answer<C::Body> {
        self.notes.note(Note::Refused(refusal.clone()));
        let mut answer = Response::new(Either::Left(Full::from(words(refusal, &self.container))));
        let status = refusal.status().split(' ').next().and_then(|status| status.parse().ok());
        *answer.status_mut() = status.unwrap_or(StatusCode::FORBIDDEN);
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        answer
    }
}

/// The path of a request that is for this name: all that says what it is for says the same.
fn meant<B>(request: &Request<B>, name: &HostName, port: u16) -> Result<PathAndQuery, Refusal> {
    let uri = request.uri();
    if request.method() == Method::CONNECT {
        return Err(Refusal::Malformed("a tunnel within TLS"));
    }
    if uri.scheme_str().is_some_and(|scheme| scheme != "https") {
        return Err(Refusal::Malformed("another protocol than https"));
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    let (host, None) = (hosts.next(), hosts.next()) else { return Err(Refusal::Malformed("several hosts")) };
    let host = host.map(|host| Authority::try_from(host.as_bytes())).transpose();
    let host = host.map_err(|_| Refusal::Malformed("no name of a host"))?;
    if host.is_none() && uri.authority().is_none() {
        return Err(Refusal::NoName);
    }
    for authority in host.iter().chain(uri.authority()) {
        if authority.as_str().contains('@') {
            return Err(Refusal::Malformed("a user in the name of a host"));
        }
        let asked = HostName::sent(authority.host().as_bytes()).map_err(|error| match error {
            NotAName::Address => Refusal::Address,
            NotAName::Shape => Refusal::Malformed("no name of a host"),
        })?;
        if asked != *name {
            return Err(Refusal::OtherName { opened: name.clone(), asked });
        }
        let written = authority.as_str()[authority.host().len()..].strip_prefix(':');
        if written.is_some_and(|written| written.parse() != Ok(port)) {
            return Err(Refusal::Malformed("a port that the connection was not opened for"));
        }
    }
    let path = uri.path_and_query().filter(|path| path.as_str().starts_with('/'));
    path.cloned().ok_or(Refusal::Malformed("no path"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_request_is_for_is_said_once_and_is_the_name_of_its_connection() {
        let name = HostName::typed("a.example").unwrap();
        let meant = |uri: &str, hosts: &[&str]| {
            let mut request = Request::builder().uri(uri);
            for host in hosts {
                request = request.header(HOST, *host);
            }
            meant(&request.body(()).unwrap(), &name, 443).map(|path| path.to_string())
        };
        for (uri, hosts) in [
            ("/a?b", &["a.example"][..]),
            ("/a?b", &["A.example.:443"]),
            ("https://a.example/a?b", &[]),
            ("https://a.example/a?b", &["a.example"]),
        ] {
            assert_eq!(meant(uri, hosts), Ok("/a?b".to_owned()), "{uri} {hosts:?}");
        }
        let other = Refusal::OtherName { opened: name.clone(), asked: HostName::typed("b.example").unwrap() };
        assert_eq!(meant("/", &["b.example"]), Err(other.clone()));
        assert_eq!(meant("https://b.example/", &["a.example"]), Err(other.clone()));
        assert_eq!(meant("https://a.example/", &["b.example"]), Err(other));
        assert_eq!(meant("/", &[]), Err(Refusal::NoName));
        assert_eq!(meant("/", &["198.51.100.1"]), Err(Refusal::Address));
        for (uri, hosts) in [
            ("/", &["a.example", "a.example"][..]),
            ("/", &["a.example:80"]),
            ("/", &["u@a.example"]),
            ("http://a.example/", &["a.example"]),
            ("/", &["a.example:x"]),
        ] {
            assert!(matches!(meant(uri, hosts), Err(Refusal::Malformed(_))), "{uri} {hosts:?}");
        }
    }
}
