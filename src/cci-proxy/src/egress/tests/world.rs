//! A world for one container: names with addresses, servers behind these, and what came to each.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cci_core::network::{Addresses, HostName, HostNames, Names, Reach, Upstreams};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::watch;

use crate::egress::body::{Framing, relay};
use crate::egress::ends::Ends;
use crate::egress::{Answer, Dial, Egress, Kind, Limits, Nobody, Note, Notes, Refusal, Request, Resolve, lines};

pub(super) const GONE: Duration = Duration::from_secs(5);

#[derive(Clone, Default)]
pub(super) struct Seen {
    /// The answers to each name, one after the other; the last one stays.
    answers: Arc<Mutex<BTreeMap<String, Vec<Vec<IpAddr>>>>>,
    dialled: Arc<Mutex<Vec<SocketAddr>>>,
    bytes: Arc<Mutex<Vec<u8>>>,
    notes: Arc<Mutex<Vec<Note>>>,
}

impl Resolve for Seen {
    async fn resolve(&self, name: &HostName) -> io::Result<Answer> {
        let mut answers = self.answers.lock().unwrap();
        let Some(answers) = answers.get_mut(name.as_str()) else { return Err(io::ErrorKind::NotFound.into()) };
        let addresses = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
        Ok(Answer { addresses, lifetime: Duration::ZERO })
    }
}

impl Dial for Seen {
    type Stream = DuplexStream;

    async fn dial(&self, address: SocketAddr) -> io::Result<DuplexStream> {
        self.dialled.lock().unwrap().push(address);
        let (ours, theirs) = duplex(1000);
        let bytes = Arc::clone(&self.bytes);
        tokio::spawn(async move {
            match address.port() {
                80 => website(theirs, bytes).await,
                3128 => proxy(theirs, bytes).await,
                1080 => socks(theirs, bytes).await,
                _ => parrot(theirs, bytes).await,
            }
        });
        Ok(ours)
    }
}

impl Notes for Seen {
    fn note(&self, note: Note) {
        self.notes.lock().unwrap().push(note);
    }
}

/// A server that says `hello` and keeps what it gets.
async fn parrot(mut stream: DuplexStream, bytes: Arc<Mutex<Vec<u8>>>) {
    let _ = stream.write_all(b"hello").await;
    let mut piece = [0; 1000];
    while let Ok(count @ 1..) = stream.read(&mut piece).await {
        bytes.lock().unwrap().extend_from_slice(&piece[..count]);
    }
}

/// A server of HTTP/1 that answers each request with its target, goes over to a parrot's language if asked, and away
/// without a word for `/gone`.
async fn website(stream: DuplexStream, bytes: Arc<Mutex<Vec<u8>>>) {
    let mut ends = Ends::new(stream);
    while let Ok(Some(head)) = lines::head(&mut ends.read, 100_000).await {
        bytes.lock().unwrap().extend_from_slice(&head);
        let request = Request::read(&head).unwrap();
        let mut body = Vec::new();
        if relay(request.framing, &mut ends.read, &mut body).await.is_err() {
            return;
        }
        bytes.lock().unwrap().extend_from_slice(&body);
        if request.kind == Kind::Upgrade {
            ends.write.write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n").await.unwrap();
            return parrot(ends.join().1, bytes).await;
        }
        let line = String::from_utf8_lossy(&head).lines().next().unwrap().to_owned();
        if line.contains("/gone") {
            return;
        }
        if line.contains("/events") {
            return events(ends).await;
        }
        let interim = if request.framing == Framing::Empty { "" } else { "HTTP/1.1 100 Continue\r\n\r\n" };
        let answer = format!("{interim}HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{line}", line.len());
        if ends.write.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A proxy of HTTP that wants a login and knows every name but `unknown.example`; `gone.example` ends it.
async fn proxy(mut stream: DuplexStream, bytes: Arc<Mutex<Vec<u8>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    bytes.lock().unwrap().extend_from_slice(&head);
    let head = String::from_utf8(head).unwrap();
    let answer = if head.starts_with("CONNECT gone.example") {
        return;
    } else if !head.contains("Proxy-Authorization: Basic dTpw\r\n") {
        "407 Proxy Authentication Required"
    } else if head.starts_with("CONNECT unknown.example") {
        "503 Service Unavailable"
    } else {
        "200 Connection established"
    };
    stream.write_all(format!("HTTP/1.1 {answer}\r\nVia: x\r\n\r\n").as_bytes()).await.unwrap();
    if answer.starts_with("200") {
        if head.contains(":80 ") { website(stream, bytes).await } else { parrot(stream, bytes).await }
    }
}

/// A proxy of SOCKS5 that wants a login; what it was asked for is kept as a line.
async fn socks(mut stream: DuplexStream, bytes: Arc<Mutex<Vec<u8>>>) {
    let mut methods = [0; 4];
    stream.read_exact(&mut methods).await.unwrap();
    assert_eq!(methods, [5, 2, 0, 2]);
    stream.write_all(&[5, 2]).await.unwrap();
    let mut login = [0; 5];
    stream.read_exact(&mut login).await.unwrap();
    stream.write_all(&[1, u8::from(login != *b"\x01\x01u\x01p")]).await.unwrap();
    let mut request = [0; 4];
    if stream.read_exact(&mut request).await.is_err() {
        return;
    }
    let length = match request[3] {
        1 => 4,
        4 => 16,
        _ => usize::from(stream.read_u8().await.unwrap()),
    };
    let mut host = vec![0; length];
    stream.read_exact(&mut host).await.unwrap();
    let port = stream.read_u16().await.unwrap();
    let host = if request[3] == 3 { String::from_utf8(host).unwrap() } else { format!("{host:?}") };
    bytes.lock().unwrap().extend_from_slice(format!("socks {host} {port}\r\n").as_bytes());
    let reply = u8::from(host == "unknown.example") * 4;
    stream.write_all(&[5, reply, 0, 3, 1, b'x', 0, 9]).await.unwrap();
    if reply == 0 && port == 80 { website(stream, bytes).await } else { parrot(stream, bytes).await }
}

/// Twenty events, one in half a minute.
async fn events(mut ends: Ends<DuplexStream>) {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    ends.write.write_all(head.as_bytes()).await.unwrap();
    for event in 0..20 {
        let event = format!("data: {event}\n\n");
        ends.write.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
}

pub(super) struct World {
    egress: Arc<Egress<Seen, Seen, Seen, Nobody>>,
    reach: watch::Sender<Arc<Reach>>,
    seen: Seen,
}

fn reach(entries: &[&str], addresses: Addresses) -> Arc<Reach> {
    let names = Names::listed(entries.iter().map(|entry| entry.parse().unwrap()));
    Arc::new(Reach { names, addresses, ..Reach::default() })
}

impl World {
    /// With these entries allowed. `a.example` is at 198.51.100.1, `b.example` at 198.51.100.2 and so on.
    pub(super) fn new(entries: &[&str]) -> Self {
        Self::with(entries, Addresses::default(), Limits::default())
    }

    pub(super) fn with(entries: &[&str], addresses: Addresses, limits: Limits) -> Self {
        Self::through(Upstreams::default(), entries, addresses, limits)
    }

    /// The same with proxies that the host goes out through.
    pub(super) fn through(upstreams: Upstreams, entries: &[&str], addresses: Addresses, limits: Limits) -> Self {
        let seen = Seen::default();
        let (sender, receiver) = watch::channel(reach(entries, addresses));
        let (resolver, dial, notes) = (seen.clone(), seen.clone(), seen.clone());
        let egress = Egress {
            container: "cci-0a-1".to_owned(),
            reach: receiver,
            upstreams,
            resolver,
            dial,
            notes,
            carrier: Nobody,
            limits,
        };
        let world = Self { egress: Arc::new(egress), reach: sender, seen };
        for (at, name) in ('a'..='f').enumerate() {
            let address = format!("198.51.100.{}", at + 1);
            world.resolves(&format!("{name}.example"), &[&[&address]]);
        }
        world
    }

    /// What a name leads to, one answer after the other.
    pub(super) fn resolves(&self, name: &str, answers: &[&[&str]]) {
        let read = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        self.seen.answers.lock().unwrap().insert(name.to_owned(), answers.iter().map(read).collect());
    }

    /// Changes what is allowed.
    pub(super) fn allow(&self, entries: &[&str]) {
        self.reach.send(reach(entries, Addresses::default())).unwrap();
    }

    /// Lets every name be asked for but what this host alone knows, of which nothing is told.
    pub(super) fn learns(&self, host: HostNames) {
        self.reach.send_modify(|reach| {
            let reach = Arc::make_mut(reach);
            (reach.names, reach.withheld) = (Names::Every, Some(Arc::new(host)));
        });
    }

    /// Makes names lead to one address each: `name@address:ports`.
    pub(super) fn serves(&self, services: &[&str]) {
        let services = services.iter().map(|service| service.parse().unwrap()).collect();
        self.reach.send_modify(|reach| Arc::make_mut(reach).services = services);
    }

    /// A connection that the container opens to this port.
    pub(super) fn connect(&self, port: u16) -> DuplexStream {
        let (container, ours) = duplex(1000);
        let egress = Arc::clone(&self.egress);
        tokio::spawn(async move { egress.serve(ours, port).await });
        container
    }

    /// Sends all of it, ends, and returns all that comes back.
    pub(super) async fn say(&self, port: u16, bytes: &[u8]) -> Vec<u8> {
        let stream = self.connect(port);
        let (mut read, mut write) = tokio::io::split(stream);
        let sending = async {
            let _ = write.write_all(bytes).await;
            let _ = write.shutdown().await;
        };
        let mut answer = Vec::new();
        let ((), read) = tokio::join!(sending, read.read_to_end(&mut answer));
        read.unwrap();
        answer
    }

    /// Sends a text with plain line ends as HTTP has them, on port 80.
    pub(super) async fn http(&self, text: &str) -> String {
        String::from_utf8(self.say(80, text.replace('\n', "\r\n").as_bytes()).await).unwrap()
    }

    pub(super) fn dialled(&self) -> Vec<String> {
        self.seen.dialled.lock().unwrap().iter().map(SocketAddr::to_string).collect()
    }

    /// What came to the servers.
    pub(super) fn arrived(&self) -> Vec<u8> {
        self.seen.bytes.lock().unwrap().clone()
    }

    pub(super) fn notes(&self) -> Vec<Note> {
        self.seen.notes.lock().unwrap().clone()
    }

    pub(super) fn refused(&self) -> Vec<Refusal> {
        let refused = |note| if let Note::Refused(refusal) = note { Some(refusal) } else { None };
        self.notes().into_iter().filter_map(refused).collect()
    }
}

/// Reads until the text that comes ends with this.
pub(super) async fn until(stream: &mut DuplexStream, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        let byte = tokio::time::timeout(GONE, stream.read_u8()).await;
        let byte =
            byte.unwrap_or_else(|_| panic!("only {text:?} came")).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        text.push(char::from(byte));
    }
    text
}
