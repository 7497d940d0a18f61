//! TLS that is ended for a secret: requests carry it, answers do not, and nothing else is looked into.

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use cci_core::network::{HostName, Names, Reach, Upstreams};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Either, Empty, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::header::{AUTHORIZATION, CONNECTION, HOST, HeaderValue, UPGRADE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, server};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::sync::{Notify, watch};
use tokio::task::LocalSet;
use tokio::time::sleep;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::egress::tasks::Tasks;
use crate::egress::{Answer, Carry, Dial, Egress, Ending, Limits, Lost, Note, Notes, Onward, Refusal, Resolve};
use crate::{Scrub, Scrubbed};

const VALUE: &str = "the-real-value";
const ADDRESS: &str = "198.51.100.1";

/// An authority, and a certificate of it.
struct Proven {
    root: CertificateDer<'static>,
    leaf: Arc<CertifiedKey>,
}

fn proven(names: &[&str]) -> Proven {
    let (key, leaf_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = params.self_signed(&key).unwrap().der().clone();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let leaf = CertificateParams::new(names).unwrap().signed_by(&leaf_key, &Issuer::new(params, key)).unwrap();
    let key = PrivateKeyDer::try_from(leaf_key.serialize_der()).unwrap();
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    Proven { root, leaf: Arc::new(CertifiedKey::new(vec![leaf.der().clone()], key)) }
}

fn trusting(root: &CertificateDer<'static>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    config.with_root_certificates(roots).with_no_client_auth()
}

/// A client's stream, of which it takes something or not.
struct Taking<S> {
    stream: S,
    takes: Rc<Cell<bool>>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Taking<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.takes.get() { Pin::new(&mut self.stream).poll_read(cx, out) } else { Poll::Pending }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Taking<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A server that says what it got, over any of both protocols, or echoes after it has gone over to another one.
#[derive(Clone)]
struct Origin {
    leaf: Arc<CertifiedKey>,
    dialled: Arc<Mutex<Vec<SocketAddr>>>,
    flood: Flood,
}

/// An answer without an end, as soon as it may begin.
#[derive(Clone, Default)]
struct Flood {
    asked: Arc<AtomicUsize>,
    begins: Arc<Notify>,
    bytes: Arc<AtomicUsize>,
}

impl Flood {
    const PIECE: usize = 16 * 1024;

    fn answer(&self) -> UnsyncBoxBody<Bytes, Infallible> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let (begins, bytes) = (Arc::clone(&self.begins), Arc::clone(&self.bytes));
        let first = futures_util::stream::once(async move {
            begins.notified().await;
            begins.notify_one();
            Ok(Frame::data(Bytes::new()))
        });
        let pieces = futures_util::stream::repeat_with(move || {
            bytes.fetch_add(Self::PIECE, Ordering::Relaxed);
            Ok(Frame::data(Bytes::from_static(&[b'x'; Self::PIECE])))
        });
        UnsyncBoxBody::new(StreamBody::new(futures_util::StreamExt::chain(first, pieces)))
    }
}

impl Dial for Origin {
    type Stream = DuplexStream;

    async fn dial(&self, address: SocketAddr) -> io::Result<DuplexStream> {
        self.dialled.lock().unwrap().push(address);
        let (ours, theirs) = duplex(1000);
        tokio::task::spawn_local(origin(theirs, Arc::clone(&self.leaf), self.flood.clone()));
        Ok(ours)
    }
}

async fn origin(stream: DuplexStream, leaf: Arc<CertifiedKey>, flood: Flood) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let shown = rustls::sign::SingleCertAndKey::from(CertifiedKey::clone(&leaf));
    let mut config = config.with_no_client_auth().with_cert_resolver(Arc::new(shown));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let Ok(tls) = TlsAcceptor::from(Arc::new(config)).accept(stream).await else { return };
    let is_h2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
    let service = service_fn(move |request| std::future::ready(Ok::<_, Infallible>(answered(request, &flood))));
    if is_h2 {
        let mut builder = server::conn::http2::Builder::new(Tasks::default());
        let _ = builder.max_send_buf_size(Flood::PIECE).serve_connection(TokioIo::new(tls), service).await;
    } else {
        let builder = server::conn::http1::Builder::new();
        let _ = builder.serve_connection(TokioIo::new(tls), service).with_upgrades().await;
    }
}

fn answered(mut request: Request<Incoming>, flood: &Flood) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    let got = format!("{} {:?} {:?}", request.uri(), request.version(), request.headers());
    if request.uri().path() == "/flood" {
        return Response::new(flood.answer());
    }
    let mut answer = Response::new(UnsyncBoxBody::new(Full::new(Bytes::from(got))));
    if request.uri().path() == "/last" {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if request.headers().contains_key(UPGRADE) {
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        answer.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        let value = request.headers()[AUTHORIZATION].to_str().unwrap().to_owned();
        tokio::task::spawn_local(async move {
            let mut stream = TokioIo::new(hyper::upgrade::on(&mut request).await.unwrap());
            stream.write_all(format!("\x01\x0ahello {}\0\x0b{} ", &value[..4], &value[4..]).as_bytes()).await.unwrap();
            let mut said = [0; 5];
            stream.read_exact(&mut said).await.unwrap();
            stream.write_all(&[b"\x80\x05", &said[..]].concat()).await.unwrap();
        });
    }
    answer
}

#[derive(Clone)]
struct Fixed;

impl Resolve for Fixed {
    async fn resolve(&self, _: &HostName) -> io::Result<Answer> {
        Ok(Answer { addresses: vec![ADDRESS.parse().unwrap()], lifetime: Duration::ZERO })
    }
}

#[derive(Clone, Default)]
struct Noted(Arc<Mutex<Vec<Note>>>);

impl Notes for Noted {
    fn note(&self, note: Note) {
        self.0.lock().unwrap().push(note);
    }
}

/// Gives every request to `a.example` the value.
#[derive(Clone)]
struct Bearer {
    leaf: Arc<CertifiedKey>,
    outward: Arc<ClientConfig>,
}

impl Carry for Bearer {
    type Body = Either<Full<Bytes>, Scrubbed<Incoming>>;

    async fn ending(&self, name: &HostName, port: u16) -> Option<Ending> {
        let is_its = name.as_str() == "a.example" && port == 443;
        let (leaf, outward) = (Arc::clone(&self.leaf), Arc::clone(&self.outward));
        is_its.then(|| Ending { secrets: vec!["api".into()], leaf, outward })
    }

    #[expect(clippy::manual_async_fn, reason = "an async function borrows the bearer")]
    fn answer(
        &self,
        mut request: Request<Incoming>,
        onward: Onward,
    ) -> impl Future<Output = Result<Response<Self::Body>, Lost>> + 'static {
        async move {
            let client = hyper::upgrade::on(&mut request);
            request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static(VALUE));
            let scrub = Scrub::new(&[VALUE.to_owned()]);
            let mut answer = match onward.send(request).await {
                Ok(answer) => answer,
                Err(Lost::Broken(why)) => {
                    let mut answer = Response::new(Either::Left(Full::from(why)));
                    *answer.status_mut() = StatusCode::BAD_GATEWAY;
                    return Ok(answer);
                }
                Err(lost) => return Err(lost),
            };
            if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                onward.join(client, hyper::upgrade::on(&mut answer), scrub.clone());
            }
            Ok(answer.map(|body| Either::Right(Scrubbed::new(body, scrub))))
        }
    }
}

struct World {
    egress: Rc<Egress<Fixed, Origin, Noted, Bearer>>,
    reach: watch::Sender<Arc<Reach>>,
    ours: CertificateDer<'static>,
    theirs: CertificateDer<'static>,
}

fn reach(entries: &[&str]) -> Arc<Reach> {
    let names = Names::listed(entries.iter().map(|entry| entry.parse().unwrap()));
    Arc::new(Reach { names, ..Reach::default() })
}

impl World {
    /// With a server that proves to be one of these.
    fn new(names: &[&str]) -> Self {
        let (ours, theirs) = (proven(&["a.example"]), proven(names));
        let (reach, receiver) = watch::channel(reach(&["a.example", "b.example"]));
        let egress = Egress {
            container: "cci-0a-1".to_owned(),
            reach: receiver,
            upstreams: Upstreams::default(),
            resolver: Fixed,
            dial: Origin { leaf: theirs.leaf, dialled: Arc::default(), flood: Flood::default() },
            notes: Noted::default(),
            carrier: Bearer { leaf: ours.leaf, outward: Arc::new(trusting(&theirs.root)) },
            limits: Limits::default(),
        };
        Self { egress: Rc::new(egress), reach, ours: ours.root, theirs: theirs.root }
    }

    fn stream(&self) -> DuplexStream {
        let (container, ours) = duplex(1000);
        let egress = Rc::clone(&self.egress);
        tokio::task::spawn_local(async move { egress.serve(ours, 443).await });
        container
    }

    /// A client in the container that trusts this root, and speaks these protocols.
    async fn tls(
        &self,
        name: &str,
        root: &CertificateDer<'static>,
        alpn: &[&str],
    ) -> io::Result<TlsStream<DuplexStream>> {
        let mut config = trusting(root);
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, self.stream()).await
    }

    /// A connection of HTTP/1.1 to `a.example`.
    async fn one(&self) -> http1::SendRequest<Empty<Bytes>> {
        let tls = self.tls("a.example", &self.ours, &["http/1.1"]).await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(tls)).await.unwrap();
        tokio::task::spawn_local(connection.with_upgrades());
        sender
    }

    fn refused(&self) -> Vec<Refusal> {
        let notes = self.egress.notes.0.lock().unwrap();
        let refused = |note: &Note| if let Note::Refused(refusal) = note { Some(refusal.clone()) } else { None };
        notes.iter().filter_map(refused).collect()
    }
}

fn get(path: &str, host: &str) -> Request<Empty<Bytes>> {
    Request::builder().uri(path).header(HOST, host).body(Empty::new()).unwrap()
}

async fn text(answer: Response<Incoming>) -> (u16, String) {
    let status = answer.status().as_u16();
    (status, String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
}

async fn local(test: impl Future<Output = ()>) {
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn requests_carry_a_secret_and_answers_do_not_by_either_protocol() {
    local(async {
        let world = World::new(&["a.example"]);
        let mut one = world.one().await;
        for path in ["/1", "/2"] {
            let (status, said) = text(one.send_request(get(path, "a.example")).await.unwrap()).await;
            assert!(status == 200 && said.starts_with(&format!("{path} HTTP/1.1")), "{said}");
            assert!(said.contains("\"authorization\": \"**************\"") && !said.contains(VALUE), "{said}");
        }
        let tls = world.tls("a.example", &world.ours, &["h2", "http/1.1"]).await.unwrap();
        assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (mut many, connection) = http2::handshake(Tasks::default(), TokioIo::new(tls)).await.unwrap();
        tokio::task::spawn_local(connection);
        let asked = |path: &str| {
            let request = Request::builder().uri(format!("https://a.example{path}")).body(Empty::<Bytes>::new());
            many.send_request(request.unwrap())
        };
        let (first, second) = {
            let mut asked = asked;
            (asked("/3"), asked("/4"))
        };
        let (first, second) = tokio::join!(first, second);
        for (answer, path) in [(first, "/3"), (second, "/4")] {
            let (status, said) = text(answer.unwrap()).await;
            assert!(status == 200 && said.starts_with(&format!("https://a.example{path} HTTP/2.0")), "{said}");
            assert!(said.contains("**************") && !said.contains(VALUE), "{said}");
        }
        let dialled = world.egress.dial.dialled.lock().unwrap().clone();
        assert_eq!(dialled, [format!("{ADDRESS}:443").parse().unwrap(); 2], "one for each of the client's, as judged");
        let notes = world.egress.notes.0.lock().unwrap();
        assert!(matches!(&notes[0], Note::Opened { secrets, .. } if secrets == &["api"]), "{notes:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_no_answer_makes_nobody_hold_much() {
    local(async {
        let world = World::new(&["a.example"]);
        let flood = &world.egress.dial.flood;
        let tls = world.tls("a.example", &world.ours, &["h2"]).await.unwrap();
        let mut builder = http2::Builder::new(Tasks::default());
        // as much as the protocol lets it ask for
        builder.initial_stream_window_size(0x7fff_ffff).initial_connection_window_size(0x7fff_ffff);
        let takes = Rc::new(Cell::new(true));
        let taking = Taking { stream: tls, takes: Rc::clone(&takes) };
        let (mut many, connection) = builder.handshake(TokioIo::new(taking)).await.unwrap();
        tokio::task::spawn_local(connection);
        let request = || Request::builder().uri("https://a.example/flood").body(Empty::<Bytes>::new()).unwrap();
        let asked: Vec<_> = (0..100).map(|_| tokio::task::spawn_local(many.send_request(request()))).collect();
        // time passes once everybody waits
        sleep(Duration::from_secs(1)).await;
        assert_eq!(flood.asked.load(Ordering::Relaxed), 64, "so many at once");
        takes.set(false);
        flood.begins.notify_one();
        sleep(Duration::from_secs(1)).await;
        let held = flood.bytes.load(Ordering::Relaxed);
        // a window of the server's, and of each answer what is unsent here and on the side of the server
        let most = 1024 * 1024 + 64 * 4 * Flood::PIECE;
        assert!((1..=most).contains(&held), "{held} bytes of at most {most}");
        drop(asked);
    })
    .await;
}

#[tokio::test]
async fn so_many_connections_are_ended_at_once() {
    local(async {
        let world = World::new(&["a.example"]);
        let mut open = Vec::new();
        for _ in 0..64 {
            open.push(world.tls("a.example", &world.ours, &["http/1.1"]).await.unwrap());
        }
        assert!(world.tls("a.example", &world.ours, &["http/1.1"]).await.is_err());
        assert_eq!(world.refused(), [Refusal::Busy]);
        drop(open.pop());
        // its place is free as soon as its end has been seen
        while world.tls("a.example", &world.ours, &["http/1.1"]).await.is_err() {}
    })
    .await;
}

#[tokio::test]
async fn a_tunnel_within_it_is_opened_by_no_protocol() {
    local(async {
        let world = World::new(&["a.example"]);
        let tls = world.tls("a.example", &world.ours, &["h2"]).await.unwrap();
        let (mut many, connection) = http2::handshake(Tasks::default(), TokioIo::new(tls)).await.unwrap();
        let mut connection = std::pin::pin!(connection);
        let tunnel = Request::builder().method("CONNECT").uri("a.example:443").body(Empty::<Bytes>::new()).unwrap();
        let asking = async { text(many.send_request(tunnel).await.unwrap()).await };
        let (status, said) = tokio::select! {
            _ = connection.as_mut() => unreachable!("it has not ended"),
            told = asking => told,
        };
        assert!(status == 400 && said.contains("a tunnel within TLS"), "{said}");
        assert!(!connection.is_extended_connect_protocol_enabled(), "a request cannot name a protocol");
    })
    .await;
}

#[tokio::test]
async fn what_is_for_no_secret_is_passed_on_as_it_came() {
    local(async {
        let world = World::new(&["a.example", "b.example"]);
        // its client sees the server's own certificate
        assert!(world.tls("b.example", &world.theirs, &[]).await.is_ok());
        assert!(world.tls("b.example", &world.ours, &[]).await.is_err());
        // and the other way round
        assert!(world.tls("a.example", &world.theirs, &[]).await.is_err());
        let notes = world.egress.notes.0.lock().unwrap();
        assert!(matches!(&notes[0], Note::Opened { secrets, .. } if secrets.is_empty()), "{notes:?}");
    })
    .await;
}

#[tokio::test]
async fn what_the_rules_refuse_is_refused_before_tls_is_ended_and_within_it() {
    local(async {
        let world = World::new(&["a.example"]);
        let mut one = world.one().await;
        let (status, said) = text(one.send_request(get("/", "b.example")).await.unwrap()).await;
        assert!(status == 421 && said.contains("b.example on a connection for a.example"), "{said}");
        let (status, _) = text(one.send_request(get("/", "a.example")).await.unwrap()).await;
        assert_eq!(status, 200);
        world.reach.send(reach(&["b.example"])).unwrap();
        let (status, said) = text(one.send_request(get("/", "a.example")).await.unwrap()).await;
        assert!(status == 403 && said.contains("cci network allow cci-0a-1 a.example:443"), "{said}");
        assert!(world.tls("a.example", &world.ours, &[]).await.is_err(), "an alert");
        assert_eq!(world.refused().len(), 3, "{:?}", world.refused());
        assert_eq!(world.egress.dial.dialled.lock().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_does_not_prove_its_name_gets_nothing_and_the_client_a_reason() {
    local(async {
        let world = World::new(&["other.example"]);
        let (status, said) = text(world.one().await.send_request(get("/", "a.example")).await.unwrap()).await;
        assert!(status == 502 && said.contains("no TLS with a.example from the host: "), "{said}");
    })
    .await;
}

#[tokio::test]
async fn a_client_that_does_not_accept_it_is_noted() {
    local(async {
        let world = World::new(&["a.example"]);
        assert!(world.tls("a.example", &world.theirs, &[]).await.is_err());
        let name = HostName::typed("a.example").unwrap();
        while world.refused().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(world.refused(), [Refusal::Unaccepted { name }]);
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_the_server_ends_is_ended() {
    local(async {
        let world = World::new(&["a.example"]);
        let mut one = world.one().await;
        let answer = one.send_request(get("/last", "a.example")).await.unwrap();
        assert_eq!(answer.headers()[CONNECTION], "close");
        assert_eq!(text(answer).await.0, 200);
        assert!(one.ready().await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_web_socket_is_gone_over_to_and_scrubbed() {
    local(async {
        let world = World::new(&["a.example"]);
        let mut request = get("/", "a.example");
        request.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        let mut answer = world.one().await.send_request(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
        let mut stream = TokioIo::new(hyper::upgrade::on(&mut answer).await.unwrap());
        stream.write_all(b"word!").await.unwrap();
        // by frames that cut the value in two
        let wanted = b"\x01\x0ahello ****\0\x0b********** \x80\x05word!";
        let mut said = [0; 32];
        stream.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, wanted);
    })
    .await;
}
