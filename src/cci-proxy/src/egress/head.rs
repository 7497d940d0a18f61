//! The head of a request of HTTP/1: which host and port it is for, how long its body is, and what of it is passed on.
//!
//! `httparse` reads it. What is decided here is that it has one meaning: what a server behind could read in another way
//! is refused. (`hyper` would put it right without a word, and change what it passes on.)

use std::io::Write;

use cci_core::network::{HostName, NotAName};
use httparse::Header;

use super::body::Framing;
use super::refusal::Refusal;

/// What a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An answer.
    Plain,
    /// An answer, and from then on to speak another protocol (WebSocket).
    Upgrade,
    /// A connection to the host (`CONNECT`).
    Tunnel,
}

/// A request of which the head has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The host that it is for.
    pub name: HostName,
    /// The port, if it names one; a target that is a URL always does.
    pub port: Option<u16>,
    /// What it wants.
    pub kind: Kind,
    /// How long its body is.
    pub(super) framing: Framing,
    /// Whether the answer has a head only.
    pub(super) head_only: bool,
    /// Whether another request may follow.
    pub(super) keeps: bool,
    bytes: Vec<u8>,
}

/// Headers that are about the connection to a proxy; nobody else's business.
const OF_PROXIES: [&str; 3] = ["proxy-authorization", "proxy-connection", "proxy-authenticate"];

impl Request {
    /// Reads a head, to its empty line.
    pub fn read(head: &[u8]) -> Result<Self, Refusal> {
        let mut headers = [httparse::EMPTY_HEADER; 128];
        let mut parsed = httparse::Request::new(&mut headers);
        let whole = parsed.parse(head).is_ok_and(|read| read == httparse::Status::Complete(head.len()));
        let (true, Some(method), Some(target), Some(version)) = (whole, parsed.method, parsed.path, parsed.version)
        else {
            return Err(Refusal::Malformed("no request of HTTP/1"));
        };
        let headers = &*parsed.headers;
        let target = Target::read(method, target)?;
        let header = host(headers)?;
        let (name, port) = match (&target, header) {
            (Target::Path(_), Some(host)) => host,
            (Target::Url { host, .. } | Target::Host(host), None) if version == 0 => host.clone(),
            (_, None) => return Err(Refusal::NoName),
            (Target::Url { host, .. }, Some(header)) => one(host, header, 80)?,
            (Target::Host(host), Some(header)) => one(host, header, host.1.unwrap_or(443))?,
        };
        let framing = framing(headers, version)?;
        let kind = kind(method, headers, version);
        if kind == Kind::Tunnel && framing != Framing::Empty {
            return Err(Refusal::Malformed("a tunnel with a body"));
        }
        let keeps = version == 1 && !mentions(headers, "connection", "close");
        let bytes = match &target {
            Target::Host(_) => Vec::new(),
            Target::Path(path) | Target::Url { path, .. } => rewritten(method, path, version, headers, &name),
        };
        Ok(Self { name, port, kind, framing, head_only: method == "HEAD", keeps, bytes })
    }
}

impl Request {
    /// The head as the server gets it; nothing of a tunnel's.
    #[must_use]
    pub fn passed_on(&self) -> &[u8] {
        &self.bytes
    }
}

/// A host and the port that stands behind it.
type Authority = (HostName, Option<u16>);

enum Target<'a> {
    Path(&'a str),
    Url { host: Authority, path: &'a str },
    Host(Authority),
}

impl<'a> Target<'a> {
    fn read(method: &str, target: &'a str) -> Result<Self, Refusal> {
        if method == "CONNECT" {
            let host = authority(target.as_bytes())?;
            return host.1.map(|_| Self::Host(host)).ok_or(Refusal::Malformed("a tunnel without a port"));
        }
        if target.starts_with('/') || (method == "OPTIONS" && target == "*") {
            return Ok(Self::Path(target));
        }
        let (scheme, rest) = target.split_once("://").ok_or(Refusal::Malformed("a target that is no path"))?;
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(Refusal::Malformed("a target that is not http://"));
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(end);
        let (name, port) = authority(host.as_bytes())?;
        let path = if path.is_empty() { "/" } else { path };
        if !path.starts_with('/') {
            return Err(Refusal::Malformed("a target without a path"));
        }
        Ok(Self::Url { host: (name, Some(port.unwrap_or(80))), path })
    }
}

/// Reads `name` or `name:port`.
fn authority(raw: &[u8]) -> Result<Authority, Refusal> {
    let (name, port) = match raw.iter().rposition(|byte| *byte == b':') {
        Some(colon) if !raw.ends_with(b"]") => (&raw[..colon], Some(&raw[colon + 1..])),
        _ => (raw, None),
    };
    let name = HostName::sent(name).map_err(|error| match error {
        NotAName::Address => Refusal::Address,
        NotAName::Shape => Refusal::Malformed("the name of the host is none"),
    })?;
    let port = port.map(|digits| number(digits).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0));
    match port {
        Some(None) => Err(Refusal::Malformed("the port is none")),
        port => Ok((name, port.flatten())),
    }
}

/// The host of the one `Host` header.
fn host(headers: &[Header<'_>]) -> Result<Option<Authority>, Refusal> {
    let mut hosts = values(headers, "host");
    match (hosts.next(), hosts.next()) {
        (None, _) => Ok(None),
        (Some(host), None) => authority(host).map(Some),
        (Some(_), Some(_)) => Err(Refusal::Malformed("two hosts")),
    }
}

/// The one host that target and header name. Without a port the header means this one.
fn one(target: &Authority, header: Authority, port: u16) -> Result<Authority, Refusal> {
    if target.0 != header.0 {
        return Err(Refusal::OtherName { opened: target.0.clone(), asked: header.0 });
    }
    // a tunnel's header often leaves the port away, whatever it is
    if target.1 != Some(header.1.unwrap_or(port)) {
        return Err(Refusal::Malformed("two ports"));
    }
    Ok(target.clone())
}

/// How long the body is: said once, and in one way.
fn framing(headers: &[Header<'_>], version: u8) -> Result<Framing, Refusal> {
    for named in ["content-length", "transfer-encoding", "host"] {
        if mentions(headers, "connection", named) {
            return Err(Refusal::Malformed("a header that the next server would drop"));
        }
    }
    let codings: Vec<_> = values(headers, "transfer-encoding").collect();
    let lengths: Vec<_> = values(headers, "content-length").collect();
    match (&codings[..], &lengths[..]) {
        ([], []) => Ok(Framing::Empty),
        ([], [length]) => match number(length) {
            Some(0) => Ok(Framing::Empty),
            Some(length) => Ok(Framing::Length(length)),
            None => Err(Refusal::Malformed("the length of the body is no number")),
        },
        ([coding], []) if version == 1 && coding.eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
        ([], _) => Err(Refusal::Malformed("two lengths of the body")),
        ([_, ..], []) => Err(Refusal::Malformed("a coding of the body other than chunked")),
        ([_, ..], [_, ..]) => Err(Refusal::Malformed("a body both chunked and with a length")),
    }
}

fn kind(method: &str, headers: &[Header<'_>], version: u8) -> Kind {
    if method == "CONNECT" {
        Kind::Tunnel
    } else if version == 1 && mentions(headers, "connection", "upgrade") && is_switched(headers) {
        Kind::Upgrade
    } else {
        Kind::Plain
    }
}

/// Whether it may go on in the protocol that it asks for. Not in HTTP/2: that has requests for further hosts.
fn is_switched(headers: &[Header<'_>]) -> bool {
    values(headers, "upgrade").next().is_some() && !is_http2(headers)
}

fn is_http2(headers: &[Header<'_>]) -> bool {
    let is_it = |token: &[u8]| token.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(b"h2"));
    let or_as_http = |token: &[u8]| token.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"http"));
    values(headers, "upgrade").flat_map(tokens).any(|token| is_it(token) || or_as_http(token))
}

/// The head for the server: its target is a path, and it asks for no protocol that is not passed on.
fn rewritten(method: &str, path: &str, version: u8, headers: &[Header<'_>], name: &HostName) -> Vec<u8> {
    let without_upgrade = is_http2(headers);
    let is_dropped = |name: &str| {
        OF_PROXIES.iter().any(|of| name.eq_ignore_ascii_case(of))
            || without_upgrade && (name.eq_ignore_ascii_case("upgrade") || name.eq_ignore_ascii_case("http2-settings"))
    };
    let mut bytes = format!("{method} {path} HTTP/1.{version}\r\n").into_bytes();
    for header in headers.iter().filter(|header| !is_dropped(header.name)) {
        // writing to memory does not fail
        let _ = write!(bytes, "{}: ", header.name);
        bytes.extend_from_slice(header.value);
        bytes.extend_from_slice(b"\r\n");
    }
    // an old client names the host in its target only
    if values(headers, "host").next().is_none() {
        let _ = write!(bytes, "Host: {name}\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// The values of the headers with a name.
pub(super) fn values<'a>(headers: &'a [Header<'a>], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}

/// Whether one of the headers with a name has this among its words.
pub(super) fn mentions(headers: &[Header<'_>], name: &str, word: &str) -> bool {
    values(headers, name).flat_map(tokens).any(|token| token.eq_ignore_ascii_case(word.as_bytes()))
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// A number in digits, and nothing but digits.
pub(super) fn number(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(head: &str) -> Result<Request, Refusal> {
        Request::read(head.replace('\n', "\r\n").as_bytes())
    }

    fn host_of(head: &str) -> (String, Option<u16>) {
        let request = read(head).unwrap();
        (request.name.to_string(), request.port)
    }

    fn passed_on(head: &str) -> String {
        String::from_utf8(read(head).unwrap().bytes).unwrap().replace("\r\n", "\n")
    }

    #[test]
    fn the_host_is_that_of_the_header_or_of_the_target_where_they_agree() {
        assert_eq!(host_of("GET /a HTTP/1.1\nHost: A.example.\n\n"), ("a.example".into(), None));
        assert_eq!(host_of("GET /a HTTP/1.1\nhost:a.example:81\n\n"), ("a.example".into(), Some(81)));
        assert_eq!(host_of("GET http://a.example/b HTTP/1.1\nHost: a.example\n\n"), ("a.example".into(), Some(80)));
        assert_eq!(host_of("GET HTTP://A.example:81 HTTP/1.1\nHost: a.example:81\n\n"), ("a.example".into(), Some(81)));
        assert_eq!(host_of("GET http://a.example/ HTTP/1.0\n\n"), ("a.example".into(), Some(80)));
        assert_eq!(host_of("CONNECT a.example:443 HTTP/1.1\nHost: a.example:443\n\n"), ("a.example".into(), Some(443)));
        assert_eq!(host_of("CONNECT a.example:22 HTTP/1.1\nHost: a.example\n\n"), ("a.example".into(), Some(22)));
        assert_eq!(host_of("OPTIONS * HTTP/1.1\nHost: a.example\n\n"), ("a.example".into(), None));
    }

    #[test]
    fn what_names_two_hosts_or_none_is_refused() {
        let other = |opened: &str, asked: &str| Refusal::OtherName {
            opened: HostName::typed(opened).unwrap(),
            asked: HostName::typed(asked).unwrap(),
        };
        assert_eq!(read("GET http://a.example/ HTTP/1.1\nHost: b.example\n\n"), Err(other("a.example", "b.example")));
        assert_eq!(read("CONNECT a.example:443 HTTP/1.1\nHost: b.example\n\n"), Err(other("a.example", "b.example")));
        for (head, why) in [
            ("GET / HTTP/1.1\n\n", Refusal::NoName),
            ("GET / HTTP/1.0\n\n", Refusal::NoName),
            ("GET http://a.example/ HTTP/1.1\n\n", Refusal::NoName),
            ("GET / HTTP/1.1\nHost: 198.51.100.1\n\n", Refusal::Address),
            ("GET / HTTP/1.1\nHost: [::1]:80\n\n", Refusal::Address),
            ("GET / HTTP/1.1\nHost: 0x7f000001\n\n", Refusal::Address),
            ("CONNECT 198.51.100.1:443 HTTP/1.1\n\n", Refusal::Address),
            ("GET http://127.1/ HTTP/1.1\nHost: 127.1\n\n", Refusal::Address),
        ] {
            assert_eq!(read(head), Err(why), "{head}");
        }
    }

    #[test]
    fn what_has_two_meanings_is_refused() {
        for head in [
            "GET / HTTP/1.1\nHost: a.example\nHost: a.example\n\n",
            "GET / HTTP/1.1\nHost: u@a.example\n\n",
            "GET / HTTP/1.1\nHost: a.example, b.example\n\n",
            "GET / HTTP/1.1\nHost: a.example:\n\n",
            "GET / HTTP/1.1\nHost: a.example:+80\n\n",
            "GET / HTTP/1.1\nHost: a.example:0\n\n",
            "GET / HTTP/1.1\nHost: a.example:65616\n\n",
            "GET / HTTP/1.1\nHost: \n\n",
            "GET / HTTP/1.1\nHost : a.example\n\n",
            "GET / HTTP/1.1\n Host: a.example\n\n",
            "GET / HTTP/1.1\nHost: a.example\n b.example\n\n",
            "GET / HTTP/1.1\nX: a\n\tb\nHost: a.example\n\n",
            "GET /  HTTP/1.1\nHost: a.example\n\n",
            "GET / HTTP/2.0\nHost: a.example\n\n",
            "PRI * HTTP/2.0\n\n",
            "GET a.example HTTP/1.1\nHost: a.example\n\n",
            "GET https://a.example/ HTTP/1.1\nHost: a.example\n\n",
            "GET http://u@a.example/ HTTP/1.1\nHost: a.example\n\n",
            "GET http://a.example?b HTTP/1.1\nHost: a.example\n\n",
            "GET http://a.example:81/ HTTP/1.1\nHost: a.example\n\n",
            "GET http://a.example\\@b.example/ HTTP/1.1\nHost: a.example\n\n",
            "CONNECT a.example HTTP/1.1\nHost: a.example\n\n",
            "CONNECT a.example:443 HTTP/1.1\nHost: a.example:80\n\n",
            "CONNECT a.example:443 HTTP/1.1\nHost: a.example:443\nContent-Length: 5\n\n",
            "\n\n",
        ] {
            assert!(matches!(read(head), Err(Refusal::Malformed(_))), "{head}: {:?}", read(head));
        }
        let bare = b"GET / HTTP/1.1\r\nHost: a.example\rX: y\r\n\r\n";
        assert!(matches!(Request::read(bare), Err(Refusal::Malformed(_))));
    }

    #[test]
    fn a_body_has_one_length() {
        let of =
            |headers: &str| read(&format!("POST / HTTP/1.1\nHost: a.example\n{headers}\n")).map(|read| read.framing);
        assert_eq!(of(""), Ok(Framing::Empty));
        assert_eq!(of("Content-Length: 0\n"), Ok(Framing::Empty));
        assert_eq!(of("Content-Length: 12\n"), Ok(Framing::Length(12)));
        assert_eq!(of("Transfer-Encoding: Chunked\n"), Ok(Framing::Chunked));
        for smuggled in [
            "Content-Length: 5\nTransfer-Encoding: chunked\n",
            "Transfer-Encoding: chunked\nContent-Length: 5\n",
            "Content-Length: 5\nContent-Length: 5\n",
            "Content-Length: 5\nContent-Length: 6\n",
            "Content-Length: 5, 5\n",
            "Content-Length: +5\n",
            "Content-Length: -5\n",
            "Content-Length: 0x5\n",
            "Content-Length: 5 5\n",
            "Content-Length: \n",
            "Content-Length: 99999999999999999999\n",
            "Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n",
            "Transfer-Encoding: chunked, chunked\n",
            "Transfer-Encoding: gzip, chunked\n",
            "Transfer-Encoding: xchunked\n",
            "Transfer-Encoding: \x0bchunked\n",
            "Transfer-Encoding: identity\n",
            "Transfer-Encoding\n : chunked\n",
            "Connection: close, Content-Length\nContent-Length: 5\n",
            "Connection: transfer-encoding\nTransfer-Encoding: chunked\n",
        ] {
            assert!(matches!(of(smuggled), Err(Refusal::Malformed(_))), "{smuggled}: {:?}", of(smuggled));
        }
        assert!(read("POST / HTTP/1.0\nHost: a.example\nTransfer-Encoding: chunked\n\n").is_err());
    }

    #[test]
    fn a_head_is_passed_on_as_it_was_but_for_what_is_the_proxys() {
        let plain = "GET /a?b HTTP/1.1\nhOsT: a.example\nX-Two: 1\nX-Two: 2\nAccept: */*\n\n";
        assert_eq!(passed_on(plain), plain);
        assert_eq!(
            passed_on(
                "GET http://a.example/a?b HTTP/1.1\nHost: a.example\nProxy-Connection: x\nProxy-Authorization: y\n\n"
            ),
            "GET /a?b HTTP/1.1\nHost: a.example\n\n"
        );
        assert_eq!(passed_on("GET http://a.example HTTP/1.0\n\n"), "GET / HTTP/1.0\nHost: a.example\n\n");
        assert_eq!(passed_on("CONNECT a.example:443 HTTP/1.1\nHost: a.example:443\n\n"), "");
    }

    #[test]
    fn a_websocket_may_be_asked_for_and_http2_may_not() {
        let with =
            |upgrade: &str| format!("GET / HTTP/1.1\nHost: a.example\nConnection: keep-alive, Upgrade\n{upgrade}\n");
        assert_eq!(read(&with("Upgrade: websocket\n")).unwrap().kind, Kind::Upgrade);
        assert_eq!(read(&with("")).unwrap().kind, Kind::Plain);
        for http2 in ["Upgrade: h2c\nHTTP2-Settings: AAMAAABk\n", "Upgrade: websocket, H2C\n", "Upgrade: HTTP/2.0\n"] {
            assert_eq!(read(&with(http2)).unwrap().kind, Kind::Plain);
            assert_eq!(passed_on(&with(http2)), with(""));
        }
    }

    #[test]
    fn a_connection_is_kept_where_both_versions_would() {
        let keeps = |head: &str| read(head).unwrap().keeps;
        assert!(keeps("GET / HTTP/1.1\nHost: a.example\n\n"));
        assert!(!keeps("GET / HTTP/1.1\nHost: a.example\nConnection: x, Close\n\n"));
        assert!(!keeps("GET / HTTP/1.0\nHost: a.example\nConnection: keep-alive\n\n"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(head: Vec<u8>) {
            let _ = Request::read(&head);
        }

        #[test]
        fn what_is_passed_on_is_read_as_the_same_request(
            name in "[a-z]{1,8}\\.example", url: bool, header in "[A-Z][a-z]{1,9}: [ -~]{0,20}", path in "/[!-~&&[^#?]]{0,9}",
        ) {
            let target = if url { format!("http://{name}{path}") } else { path };
            let head = format!("GET {target} HTTP/1.1\r\nHost: {name}\r\n{header}\r\n\r\n");
            if let Ok(request) = Request::read(head.as_bytes()) {
                let again = Request::read(&request.bytes).unwrap();
                prop_assert_eq!((again.name, again.kind, again.framing), (request.name, request.kind, request.framing));
                prop_assert_eq!(again.bytes, request.bytes);
            }
        }
    }
}
