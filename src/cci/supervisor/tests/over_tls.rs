//! How requests carry secrets in TLS that is ended for them: swapped and scrubbed, for their hosts only, and nobody else's
//! TLS is looked into.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cci_core::network::{HostName, Names, Reach, Upstreams};
use cci_host::secrets::{Authority, Leaf, Secret, Secrets, Source};
use cci_host::store::run_dir::{SecretsNote, Watched};
use cci_proxy::egress::{Answer, Dial, Egress, Limits, Note, Notes, Resolve};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use tokio::sync::watch;
use tokio::task::LocalSet;

use super::egress::note;
use super::world::World;
use crate::supervisor::secret::{Carrier, Vault};

const VALUE: &str = "the-real-value";
const MINE: &str = "Authorization: Bearer cci.api.secret\r\n";

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn trusting(certificate: &str) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    config.with_root_certificates(roots).with_no_client_auth()
}

/// A server of TLS that answers each connection's requests with their heads, in a form that their path says.
struct Origin {
    at: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Origin {
    /// One that an authority vouches for under this name.
    fn start(authority: &Authority, name: &str) -> Self {
        let Leaf { certificate, key } = authority.leaf(name).unwrap();
        let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
        let key = PrivatePkcs8KeyDer::from(key).into();
        let config = config.with_no_client_auth().with_single_cert(vec![certificate.into()], key).unwrap();
        let (config, listener) = (Arc::new(config), TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let (at, heads) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<String>>>::default());
        let seen = Arc::clone(&heads);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut tls = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
                let seen = Arc::clone(&seen);
                std::thread::spawn(move || while answer(&mut tls, &seen).is_ok() {});
            }
        });
        Self { at, heads }
    }

    fn count(&self) -> usize {
        self.heads.lock().unwrap().len()
    }

    fn last(&self) -> String {
        self.heads.lock().unwrap().last().cloned().unwrap_or_default()
    }
}

fn head(from: &mut impl Read) -> io::Result<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        from.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn answer(tls: &mut (impl Read + Write), seen: &Mutex<Vec<String>>) -> io::Result<()> {
    let head = head(tls)?;
    seen.lock().unwrap().push(head.clone());
    let credential = head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or("none");
    match head.split(' ').nth(1).unwrap_or_default() {
        "/chunked" => {
            write!(tls, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            for piece in ["so ", &credential[..credential.len() - 5], &credential[credential.len() - 5..]] {
                write!(tls, "{:x}\r\n{piece}\r\n", piece.len())?;
                tls.flush()?;
            }
            write!(tls, "0\r\n\r\n")?;
        }
        coded if coded.starts_with("/as/") => {
            let (name, coding) = coded["/as/".len()..].split_once('/').unwrap_or_default();
            write!(tls, "HTTP/1.1 200 OK\r\n{name}: {coding}\r\ncontent-length: 4\r\n\r\nzzzz")?;
        }
        other if other.starts_with("/over/") => {
            let (protocol, extensions) = other["/over/".len()..].split_once('/').unwrap_or_default();
            write!(tls, "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: {protocol}\r\n")?;
            if !extensions.is_empty() {
                write!(tls, "sec-websocket-extensions: {extensions}\r\n")?;
            }
            write!(tls, "\r\n{credential}")?;
        }
        "/coded" => write!(tls, "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n4\r\nzzzz\r\n0\r\n\r\n")?,
        "/socket" => {
            write!(tls, "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")?;
            let said = format!("hello {credential}");
            write!(tls, "\u{1}{}{said}", char::from(u8::try_from(said.len()).unwrap()))?;
            let mut said = [0; 5];
            tls.read_exact(&mut said)?;
            tls.write_all(&[b"\x80\x05", &said[..]].concat())?;
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        _ => {
            let length = head.len();
            write!(tls, "HTTP/1.1 200 OK\r\nx-echo: {credential}\r\ncontent-length: {length}\r\n\r\n{head}")?;
        }
    }
    tls.flush()
}

#[derive(Clone)]
struct Fixed(SocketAddr);

impl Resolve for Fixed {
    async fn resolve(&self, _: &HostName) -> io::Result<Answer> {
        Ok(Answer { addresses: vec![Ipv4Addr::new(198, 51, 100, 1).into()], lifetime: Duration::ZERO })
    }
}

impl Dial for Fixed {
    type Stream = tokio::net::TcpStream;

    async fn dial(&self, address: SocketAddr) -> io::Result<Self::Stream> {
        assert_eq!(address, (Ipv4Addr::new(198, 51, 100, 1), 443).into(), "the one that was judged");
        tokio::net::TcpStream::connect(self.0).await
    }
}

#[derive(Clone, Default)]
struct Noted(Arc<Mutex<Vec<Note>>>);

impl Notes for Noted {
    fn note(&self, note: Note) {
        self.0.lock().unwrap().push(note);
    }
}

/// A session with a secret for `api.example`, and the server, which goes by that name and by `other.example`.
struct With {
    origin: Origin,
    secrets: Secrets,
    /// Who vouches for the server, and who for the leaves.
    theirs: String,
    ours: String,
    door: SocketAddr,
    notes: Noted,
    world: World,
}

impl With {
    /// Opens the way out, in tasks of this thread.
    async fn new(host: &str, proves: &str, change: impl FnOnce(&mut Watched)) -> Self {
        let world = World::new();
        let elsewhere = world.session_dir(9);
        let theirs = Authority::of(&elsewhere).unwrap();
        let origin = Origin::start(&theirs, proves);
        let secrets = Secrets::of(world.place.cci_dir());
        let name: cci_core::secret::SecretName = "api".parse().unwrap();
        let source = Source::Value(VALUE.parse().unwrap());
        let secret = Secret { hosts: vec![host.parse().unwrap()], variable: "API".into(), source, github: None };
        secrets.put(&name, &secret).unwrap();
        let ours = Authority::of(world.place.cci_dir()).unwrap().certificate().to_owned();
        let note = SecretsNote { names: vec![name], remotes: Vec::new(), trusts: Some(ours.clone()) };
        let session = world.session_with_secrets(1, note);
        let mut watched = world.place.sessions().noted(session).unwrap();
        watched.egress = Some(super::egress::note(Ipv4Addr::LOCALHOST, &[]));
        change(&mut watched);
        let vault = Rc::new(Vault::of(world.place.cci_dir()));
        vault.proves(trusting(theirs.certificate()));
        let reach = Reach { names: Names::Every, ..Reach::default() };
        let (sender, reach) = watch::channel(Arc::new(reach));
        let (notes, to) = (Noted::default(), Fixed(origin.at));
        let egress = Egress {
            container: "cci-0a-1".to_owned(),
            reach,
            upstreams: Upstreams::default(),
            resolver: to.clone(),
            dial: to,
            notes: notes.clone(),
            carrier: Carrier::of(&watched, &vault),
            limits: Limits::default(),
        };
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (door, egress) = (listener.local_addr().unwrap(), Rc::new(egress));
        tokio::task::spawn_local(async move {
            let _sender = sender;
            while let Ok((stream, _)) = listener.accept().await {
                let egress = Rc::clone(&egress);
                tokio::task::spawn_local(async move { egress.serve(stream, 443).await });
            }
        });
        Self { origin, secrets, theirs: theirs.certificate().to_owned(), ours, door, notes, world }
    }

    /// A client in the container: what it trusts, the name it asks for, and its requests, one after the other.
    async fn ask(&self, trusts: &str, name: &str, requests: &[String]) -> io::Result<Vec<String>> {
        self.ask_and(trusts, name, requests, || ()).await
    }

    /// The same, and what happens after each answer while the connection stays open.
    async fn ask_and(
        &self,
        trusts: &str,
        name: &str,
        requests: &[String],
        after: impl Fn() + Send + 'static,
    ) -> io::Result<Vec<String>> {
        let (config, door, name) = (trusting(trusts), self.door, name.to_owned());
        let requests = requests.to_vec();
        let asking = move || {
            let name = ServerName::try_from(name).unwrap();
            let stream = TcpStream::connect(door)?;
            stream.set_read_timeout(Some(Duration::from_secs(20)))?;
            let mut tls = StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream);
            requests.iter().map(|request| exchange(&mut tls, request).inspect(|_| after())).collect()
        };
        tokio::task::spawn_blocking(asking).await.unwrap()
    }

    /// The answer to one that trusts the user's authority.
    async fn get(&self, path: &str, headers: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nHost: api.example\r\n{headers}\r\n");
        self.ask(&self.ours, "api.example", &[request]).await.unwrap().remove(0)
    }
}

/// Sends a request and reads the answer as it came.
fn exchange(tls: &mut (impl Read + Write), request: &str) -> io::Result<String> {
    tls.write_all(request.as_bytes())?;
    let mut answer = head(tls)?;
    let length = answer.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    if let Some(length) = length {
        let mut body = vec![0; length];
        tls.read_exact(&mut body)?;
        answer += &String::from_utf8_lossy(&body);
    } else if answer.contains("transfer-encoding: chunked") {
        while !answer.ends_with("\r\n0\r\n\r\n") {
            let mut byte = [0];
            tls.read_exact(&mut byte)?;
            answer.push(byte[0].into());
        }
    } else if answer.starts_with("HTTP/1.1 101") {
        tls.write_all(b"word!")?;
        let mut rest = Vec::new();
        let _ = tls.read_to_end(&mut rest);
        answer += &String::from_utf8_lossy(&rest);
    }
    Ok(answer)
}

async fn local(test: impl Future<Output = ()>) {
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn a_placeholder_is_swapped_within_tls_and_the_value_scrubbed_on_the_way_back() {
    local(async {
        let with = With::new("api.example", "api.example", |_| {}).await;
        let answer = with.get("/a?b", MINE).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("x-echo: Bearer **************"), "{answer}");
        assert!(!answer.contains(VALUE), "{answer}");
        let last = with.origin.last();
        assert!(last.starts_with("GET /a?b HTTP/1.1") && last.contains("host: api.example"), "{last}");
        assert!(last.contains(&format!("authorization: Bearer {VALUE}")), "{last}");
        // Basic me:cci.api.secret
        let answer = with.get("/", "Authorization: Basic bWU6Y2NpLmFwaS5zZWNyZXQ=\r\n").await;
        assert!(with.origin.last().contains("authorization: Basic bWU6dGhlLXJlYWwtdmFsdWU="), "{}", with.origin.last());
        assert!(!answer.contains("bWU6dGhlLXJlYWwtdmFsdWU"), "{answer}");
        let answer = with.get("/chunked", MINE).await;
        let pieces: String = answer.split("\r\n\r\n").nth(1).unwrap().split("\r\n").skip(1).step_by(2).collect();
        assert_eq!(pieces, "so Bearer **************", "{answer}");
        for path in [
            "/as/content-encoding/gzip",
            "/as/content-encoding/br",
            "/as/content-encoding/zstd",
            "/as/content-encoding/deflate",
            "/as/content-encoding/identity,gzip",
            "/as/grpc-encoding/gzip",
            "/as/connect-content-encoding/br",
            "/coded",
        ] {
            let answer =
                with.get(path, &format!("{MINE}Accept-Encoding: gzip, br\r\ngrpc-accept-encoding: gzip\r\n")).await;
            assert!(!with.origin.last().contains("grpc-accept"), "{}", with.origin.last());
            assert!(answer.starts_with("HTTP/1.1 502") && answer.contains("compressed"), "{answer}");
            assert!(with.origin.last().contains("accept-encoding: identity"), "{}", with.origin.last());
        }
        let notes = with.notes.0.lock().unwrap();
        assert!(matches!(&notes[0], Note::Opened { secrets, .. } if secrets == &["api"]), "{notes:?}");
        assert!(!format!("{notes:?}").contains(VALUE));
    })
    .await;
}

#[tokio::test]
async fn a_web_socket_carries_it_and_is_scrubbed() {
    local(async {
        let with = With::new("api.example", "api.example", |_| {}).await;
        let socket = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Extensions: permessage-deflate\r\n";
        let answer = with.get("/socket", &format!("{socket}{MINE}")).await;
        assert!(
            answer.starts_with("HTTP/1.1 101")
                && answer.contains("hello Bearer **************")
                && answer.ends_with("word!"),
            "{answer}"
        );
        let last = with.origin.last();
        assert!(last.contains("upgrade: websocket") && !last.contains("deflate"), "{last}");
        assert!(last.contains(VALUE), "{last}");
    })
    .await;
}

#[tokio::test]
async fn nothing_but_a_plain_web_socket_is_gone_over_to() {
    local(async {
        let with = With::new("api.example", "api.example", |_| {}).await;
        for asked in [
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
            "Connection: upgrade\r\nUpgrade: websocket, h2c\r\n",
            "Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n",
            "Connection: upgrade\r\nUpgrade: connect-udp\r\n",
        ] {
            let answer = with.get("/", &format!("{asked}{MINE}")).await;
            assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("no other protocol"), "{asked}: {answer}");
        }
        let post = format!(
            "POST / HTTP/1.1\r\nHost: api.example\r\nConnection: upgrade\r\nUpgrade: websocket\r\n{MINE}Content-Length: 0\r\n\r\n"
        );
        let answer = with.ask(&with.ours, "api.example", &[post]).await.unwrap().remove(0);
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert_eq!(with.origin.last(), "", "nothing of it is passed on");
        // what a server goes over to by itself
        let asks = "Connection: upgrade\r\nUpgrade: websocket\r\n";
        for (path, asked) in [
            ("/over/h2c/", asks),
            ("/over/websocket/permessage-deflate", asks),
            ("/over/websocket/", ""),
        ] {
            let answer = with.get(path, &format!("{asked}{MINE}")).await;
            assert!(answer.starts_with("HTTP/1.1 502") && answer.contains("nobody asked for"), "{path}: {answer}");
            assert!(!answer.contains(VALUE), "{answer}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_secret_comes_back_in_no_other_form_either() {
    local(async {
        let with = With::new("api.example", "api.example", |_| {}).await;
        let whole = "dXNlcjp0aGUtcmVhbC12YWx1ZQ=="; // user:the-real-value
        let answer = with.get(&format!("/echo?{whole}"), MINE).await;
        assert!(with.origin.last().contains(whole) && !answer.contains("aGUtcmVhbC12YWx1"), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn a_container_that_was_made_to_trust_another_authority_or_none_gets_nothing() {
    let plain = vec![format!("GET / HTTP/1.1\r\nHost: api.example\r\n{MINE}\r\n")];
    local(async {
        let is_spliced = async |with: &With| {
            let answer = with.ask(&with.theirs, "api.example", &plain).await.unwrap().remove(0);
            assert!(answer.contains("Bearer cci.api.secret") && !answer.contains(VALUE), "{answer}");
        };
        // one of an earlier launch, whose secrets were for no TLS
        let none = |watched: &mut Watched| watched.secrets.as_mut().unwrap().trusts = None;
        is_spliced(&With::new("api.example", "api.example", none).await).await;
        let another = |watched: &mut Watched| watched.secrets.as_mut().unwrap().trusts = Some("another".into());
        is_spliced(&With::new("api.example", "api.example", another).await).await;
        // one whose authority is removed while it runs, and then replaced
        let with = With::new("api.example", "api.example", |_| {}).await;
        assert!(with.get("/", MINE).await.starts_with("HTTP/1.1 200"));
        let kept = with.world.place.cci_dir().join("authority/authority.pem");
        let before = std::fs::read(&kept).unwrap();
        std::fs::remove_file(&kept).unwrap();
        is_spliced(&with).await;
        assert!(!kept.exists(), "no launch has asked for one");
        Authority::of(with.world.place.cci_dir()).unwrap();
        is_spliced(&with).await;
        std::fs::write(&kept, before).unwrap();
        assert!(with.get("/", MINE).await.starts_with("HTTP/1.1 200"));
        // and while a connection of it is open
        let (cci_dir, seen) = (with.world.place.cci_dir().to_owned(), with.origin.count());
        let replace = move || {
            std::fs::remove_file(&kept).unwrap();
            Authority::of(&cci_dir).unwrap();
        };
        let answers = with.ask_and(&with.ours, "api.example", &[plain[0].clone(), plain[0].clone()], replace).await;
        let answers = answers.unwrap();
        assert!(answers[0].starts_with("HTTP/1.1 200"), "{answers:?}");
        assert!(
            answers[1].starts_with("HTTP/1.1 403") && answers[1].contains("was removed or replaced"),
            "{answers:?}"
        );
        assert_eq!(with.origin.count(), seen + 1);
    })
    .await;
}

#[tokio::test]
async fn nothing_else_within_it_is_passed_on() {
    local(async {
        let with = With::new("api.example", "api.example", |_| {}).await;
        for (path, headers, status, said) in [
            ("/", "Authorization: Bearer another\r\n", 403, "only the placeholders"),
            ("/?key=cci.api.secret", "", 403, "never by an address"),
            ("/", "X-Text: a cci.api.secret b\r\n", 400, "a header of its own"),
        ] {
            let answer = with.get(path, headers).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(said), "{answer}");
        }
        let other = "GET / HTTP/1.1\r\nHost: other.example\r\n\r\n".to_owned();
        let answer = with.ask(&with.ours, "api.example", &[other]).await.unwrap().remove(0);
        assert!(answer.starts_with("HTTP/1.1 421") && answer.contains("other.example"), "{answer}");
        assert_eq!(with.origin.last(), "");
        with.get("/", "Cookie: a=b\r\nRange: bytes=0-3\r\n").await;
        assert!(!with.origin.last().contains("cookie") && !with.origin.last().contains("range"));
    })
    .await;
}

#[tokio::test]
async fn who_has_no_secret_for_a_name_sees_its_own_certificate() {
    let plain = vec![format!("GET / HTTP/1.1\r\nHost: x\r\n{MINE}\r\n")];
    local(async {
        let is_spliced = async |with: &With, name: &str| {
            assert!(with.ask(&with.ours, name, &plain).await.is_err(), "{name}");
            let answer = with.ask(&with.theirs, name, &plain).await.unwrap().remove(0);
            assert!(answer.contains("Bearer cci.api.secret") && !answer.contains(VALUE), "{answer}");
        };
        let with = With::new("api.example", "other.example", |_| {}).await;
        is_spliced(&with, "other.example").await;
        for host in ["http://api.example", "api.example:8443"] {
            is_spliced(&With::new(host, "api.example", |_| {}).await, "api.example").await;
        }
        let none = With::new("api.example", "api.example", |watched| watched.secrets = None).await;
        is_spliced(&none, "api.example").await;
        let learns = |watched: &mut Watched| {
            let way = note(Ipv4Addr::LOCALHOST, &[]);
            watched.egress = Some(cci_host::store::run_dir::EgressNote { learns: true, ..way });
        };
        is_spliced(&With::new("api.example", "api.example", learns).await, "api.example").await;
    })
    .await;
}

#[tokio::test]
async fn a_secret_that_is_replaced_or_removed_counts_at_the_next_request() {
    local(async {
        let with = With::new("api.example", "api.example", |_| {}).await;
        let name = "api".parse().unwrap();
        let secret = with.secrets.read(&name).unwrap().unwrap();
        with.get("/", MINE).await;
        let source = Source::Value("another-real-value".parse().unwrap());
        with.secrets.put(&name, &Secret { source, ..secret.clone() }).unwrap();
        let answer = with.get("/", MINE).await;
        assert!(with.origin.last().contains("Bearer another-real-value") && !answer.contains("another"), "{answer}");
        // on one connection, of which the end is not seen from outside
        let request = format!("GET / HTTP/1.1\r\nHost: api.example\r\n{MINE}\r\n");
        let (config, door) = (trusting(&with.ours), with.door);
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let asking = tokio::task::spawn_blocking(move || {
            let name = ServerName::try_from("api.example").unwrap();
            let stream = TcpStream::connect(door).unwrap();
            let mut tls = StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream);
            let first = exchange(&mut tls, &request).unwrap();
            wait.recv().unwrap();
            (first, exchange(&mut tls, &request).unwrap())
        });
        let before = with.origin.heads.lock().unwrap().len();
        while with.origin.heads.lock().unwrap().len() == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        with.secrets.remove(&name).unwrap();
        go.send(()).unwrap();
        let (first, second) = asking.await.unwrap();
        assert!(first.starts_with("HTTP/1.1 200") && second.starts_with("HTTP/1.1 403"), "{first} {second}");
        assert!(second.contains("ask on another connection"), "{second}");
        assert!(with.ask(&with.theirs, "api.example", &[]).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_server_that_does_not_prove_its_name_gets_no_secret() {
    local(async {
        let with = With::new("api.example", "other.example", |_| {}).await;
        let answer = with.get("/", MINE).await;
        assert!(answer.starts_with("HTTP/1.1 502") && answer.contains("no TLS with api.example"), "{answer}");
        assert_eq!(with.origin.last(), "");
    })
    .await;
}
