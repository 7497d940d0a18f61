//! A socket between cci and the real Incus that counts the requests, breaks one of them, or delays some.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::host::daemon_socket;

/// What is done to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection closes before Incus hears of it.
    CutBefore,
    /// Incus does it, and the answer is lost.
    CutAfter,
    /// Incus does it, and half of the answer arrives.
    CutMidway,
    /// An error in its place.
    Error,
    /// Nothing is heard until cci has given up; Incus does it all the same once the proxy is told to behave.
    Late,
    /// This one and all that follow find nobody.
    Gone,
}

/// Which request is meant.
enum Which {
    /// By its number, from 0.
    Number(usize),
    /// The first whose line begins so.
    Line(&'static str),
    /// By its number among those of its kind: two that cci makes at once come in any order, but not two of one kind.
    OfKind(Kind, usize),
}

/// What a request is about, as far as it decides how long its answer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The end of an operation.
    Wait,
    /// Anything else.
    Other,
}

impl Kind {
    pub fn of(line: &str) -> Self {
        if line.contains("/wait") { Self::Wait } else { Self::Other }
    }
}

/// The running proxy; its socket goes with it.
pub struct Proxy {
    dir: tempfile::TempDir,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The request lines since the proxy was armed.
    seen: Vec<String>,
    /// Both ends of every connection.
    open: Vec<UnixStream>,
    /// What those requests carried that had a body of text.
    bodies: Vec<(String, String)>,
    spoil: Option<(Which, Fault)>,
    hit: Option<String>,
}

/// What holds a request back until it returns; the line of the request tells which.
type Hold = Arc<dyn Fn(&str) + Send + Sync>;

impl Proxy {
    /// Between a new socket and the daemon's.
    pub fn start(upstream: &Path) -> Self {
        Self::listen(upstream, Arc::new(|_| ()))
    }

    /// Before the tests' Incus: a request whose line begins so waits until `ready` returns.
    pub fn holding(line: &'static str, ready: impl Fn() + Send + Sync + 'static) -> Self {
        let hold = move |seen: &str| {
            if seen.starts_with(line) {
                ready();
            }
        };
        Self::listen(&daemon_socket(), Arc::new(hold))
    }

    /// The same with a delay: a slow Incus, where the test wants it.
    pub fn delaying(line: &'static str, delay: Duration) -> Self {
        Self::holding(line, move || pause(delay))
    }

    fn listen(upstream: &Path, hold: Hold) -> Self {
        let dir = tempfile::Builder::new().prefix("cci-proxy-").tempdir_in("/var/tmp").unwrap();
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let listener = UnixListener::bind(dir.path().join("unix.socket")).unwrap();
        std::fs::set_permissions(dir.path().join("unix.socket"), PermissionsExt::from_mode(0o666)).unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let (shared, upstream) = (Arc::clone(&state), upstream.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (shared, upstream, hold) = (Arc::clone(&shared), upstream.clone(), Arc::clone(&hold));
                // a side that goes away ends its exchange, as it would without a proxy
                std::thread::spawn(move || drop(serve(client, &upstream, &shared, &*hold)));
            }
        });
        Self { dir, state }
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("unix.socket")
    }

    /// Counts anew, and spoils the request with this number (from 0).
    pub fn spoil(&self, number: usize, fault: Fault) {
        self.anew(Some((Which::Number(number), fault)));
    }

    /// Counts anew, and spoils the request with this number (from 0) among those of a kind.
    pub fn spoil_of_kind(&self, kind: Kind, number: usize, fault: Fault) {
        self.anew(Some((Which::OfKind(kind, number), fault)));
    }

    /// Counts anew, and spoils the first request whose line begins so.
    pub fn spoil_first(&self, line: &'static str, fault: Fault) {
        self.anew(Some((Which::Line(line), fault)));
    }

    /// Breaks every connection; nobody is found from now on.
    pub fn go_away(&self) {
        let mut state = self.state.lock().unwrap();
        for stream in state.open.drain(..) {
            // one that has ended is what is wanted
            let _ = stream.shutdown(Shutdown::Both);
        }
        *state = State { spoil: Some((Which::Number(0), Fault::Gone)), ..State::default() };
    }

    /// Counts anew and spoils nothing.
    pub fn behave(&self) {
        self.anew(None);
    }

    fn anew(&self, spoil: Option<(Which, Fault)>) {
        let mut state = self.state.lock().unwrap();
        let open = std::mem::take(&mut state.open);
        *state = State { open, spoil, ..State::default() };
    }

    /// The request that was spoilt, if it ever came.
    pub fn hit(&self) -> Option<String> {
        self.state.lock().unwrap().hit.clone()
    }

    /// The lines and the bodies of the requests so far that carried text.
    pub fn bodies(&self) -> Vec<(String, String)> {
        self.state.lock().unwrap().bodies.clone()
    }

    /// The request lines so far.
    pub fn seen(&self) -> Vec<String> {
        self.state.lock().unwrap().seen.clone()
    }
}

#[expect(clippy::disallowed_methods, reason = "the delay is what is planted, nothing waits for it")]
fn pause(delay: Duration) {
    std::thread::sleep(delay);
}

/// What is to be done with the request that has just come.
fn verdict(state: &Mutex<State>, line: &str) -> Option<Fault> {
    let mut state = state.lock().unwrap();
    let number = state.seen.len();
    let of_kind = state.seen.iter().filter(|seen| Kind::of(seen) == Kind::of(line)).count();
    state.seen.push(line.to_owned());
    let fault = match state.spoil.as_ref()? {
        (Which::Number(from), Fault::Gone) if number >= *from => Fault::Gone,
        (Which::Number(one), fault) if number == *one => *fault,
        (Which::OfKind(kind, one), fault) if Kind::of(line) == *kind && of_kind == *one => *fault,
        (Which::Line(text), fault) if line.starts_with(text) && state.hit.is_none() => *fault,
        _ => return None,
    };
    state.hit.get_or_insert_with(|| line.to_owned());
    Some(fault)
}

/// One connection, which carries one call: cci never uses one again.
fn serve(mut client: UnixStream, upstream: &Path, state: &Mutex<State>, hold: &dyn Fn(&str)) -> std::io::Result<()> {
    let request = head(&mut client)?;
    let line = String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned();
    let fault = verdict(state, &line);
    hold(&line);
    if matches!(fault, Some(Fault::CutBefore | Fault::Gone)) {
        return client.shutdown(Shutdown::Both);
    }
    if fault == Some(Fault::Error) {
        let body = r#"{"type":"error","error":"planted fault","error_code":500,"metadata":null}"#;
        let head = "HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/json\r\nconnection: close\r\n";
        write!(client, "{head}content-length: {}\r\n\r\n{body}", body.len())?;
        // the rest of the request is read, or the answer would be lost with the connection
        client.shutdown(Shutdown::Write)?;
        return std::io::copy(&mut client, &mut std::io::sink()).map(drop);
    }
    if fault == Some(Fault::Late) {
        let mut rest = Vec::new();
        client.read_to_end(&mut rest)?;
        super::wait::until("the late request is let through", Duration::from_secs(150), || {
            if state.lock().unwrap().spoil.is_none() { Ok(()) } else { Err("it is held back".to_owned()) }
        });
        let mut server = UnixStream::connect(upstream)?;
        server.write_all(&request)?;
        server.write_all(&rest)?;
        return answer(&mut server).map(drop);
    }
    let mut server = UnixStream::connect(upstream)?;
    server.write_all(&request)?;
    if let Some(body) = text(&request, &mut client)? {
        server.write_all(body.as_bytes())?;
        state.lock().unwrap().bodies.push((line, body));
    }
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    state.lock().unwrap().open.extend([client.try_clone()?, server.try_clone()?]);
    let sending = std::thread::spawn(move || pump(&mut from_client, &mut to_server));
    if let Some(Fault::CutAfter | Fault::CutMidway) = fault {
        let whole = answer(&mut server)?;
        if fault == Some(Fault::CutMidway) {
            client.write_all(&whole[..whole.len() * 2 / 3])?;
        }
        client.shutdown(Shutdown::Both)?;
        server.shutdown(Shutdown::Both)?;
    } else {
        pump(&mut server, &mut client);
    }
    let _ = sending.join();
    Ok(())
}

/// The body that a request announces as JSON.
fn text(head: &[u8], client: &mut UnixStream) -> std::io::Result<Option<String>> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    if !head.contains("content-type: application/json") {
        return Ok(None);
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    client.read_exact(&mut body)?;
    Ok(Some(String::from_utf8_lossy(&body).into_owned()))
}

/// Copies until one side ends, and passes the end on.
fn pump(from: &mut UnixStream, to: &mut UnixStream) {
    let _ = std::io::copy(from, to);
    let _ = to.shutdown(Shutdown::Write);
}

/// A request or an answer up to its empty line.
fn head(stream: &mut UnixStream) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(head)
}

/// A whole answer; of a connection that changes its protocol, the head.
fn answer(server: &mut UnixStream) -> std::io::Result<Vec<u8>> {
    let mut whole = head(server)?;
    let text = String::from_utf8_lossy(&whole).to_ascii_lowercase();
    if text.starts_with("http/1.1 101") {
        return Ok(whole);
    }
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<u64>().ok());
    if let Some(length) = length {
        server.take(length).read_to_end(&mut whole)?;
        return Ok(whole);
    }
    let mut byte = [0];
    while !whole.ends_with(b"\r\n0\r\n\r\n") && server.read(&mut byte)? == 1 {
        whole.push(byte[0]);
    }
    Ok(whole)
}
