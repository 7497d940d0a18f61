//! Where a request wants to go: to the host that its target names, as for a proxy, or else its header.

use hyper::header::{HOST, UPGRADE};
use hyper::http::request::Parts;
use hyper::http::uri::{Authority, PathAndQuery};
use hyper::{Method, Uri};

/// The place that a request is meant for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meant {
    /// The host's name or address, in lower case.
    pub host: String,
    /// The port, if it names one.
    pub port: Option<u16>,
    /// The path, without the query.
    pub path: String,
    /// The path and the query.
    pub target: String,
}

/// Why a request is none that is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotPlain {
    /// It wants a tunnel, in which nothing can be swapped.
    Tunnel,
    /// It is for another protocol than `http://`.
    Scheme,
    /// It does not name one host.
    Host,
    /// It wants to go on in another protocol.
    Upgrade,
    /// Its path is none.
    Path,
}

/// Reads it.
pub fn meant(parts: &Parts) -> Result<Meant, NotPlain> {
    if parts.method == Method::CONNECT {
        return Err(NotPlain::Tunnel);
    }
    if parts.headers.contains_key(UPGRADE) {
        return Err(NotPlain::Upgrade);
    }
    let mut named = parts.headers.get_all(HOST).iter();
    let (Some(header), None) = (named.next(), named.next()) else { return Err(NotPlain::Host) };
    let header: Authority = header.as_bytes().try_into().map_err(|_| NotPlain::Host)?;
    let authority = match (parts.uri.scheme_str(), parts.uri.authority()) {
        (None, None) => header,
        (Some("http"), Some(target)) if is_same(target, &header) => target.clone(),
        (Some("http"), Some(_)) => return Err(NotPlain::Host),
        _ => return Err(NotPlain::Scheme),
    };
    // what is before an `@` is no part of a host, and a port that is no number is no port
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return Err(NotPlain::Host);
    }
    let port = match authority.as_str()[authority.host().len()..].strip_prefix(':') {
        None => None,
        Some(digits) => Some(digits.parse().map_err(|_| NotPlain::Host)?),
    };
    let path = path_of(&parts.uri)?;
    Ok(Meant {
        host: authority.host().to_ascii_lowercase(),
        port,
        path: path.path().to_owned(),
        target: path.as_str().to_owned(),
    })
}

fn is_same(one: &Authority, other: &Authority) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}

fn path_of(uri: &Uri) -> Result<&PathAndQuery, NotPlain> {
    uri.path_and_query().filter(|path| path.as_str().starts_with('/')).ok_or(NotPlain::Path)
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn of(method: &str, uri: &str, hosts: &[&str]) -> Result<(String, Option<u16>, String), NotPlain> {
        let mut request = Request::builder().method(method).uri(uri);
        for host in hosts {
            request = request.header("host", *host);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        meant(&parts).map(|meant| (meant.host, meant.port, meant.target))
    }

    #[test]
    fn a_path_goes_to_the_host_of_the_header_and_a_url_where_it_says() {
        let want = |port| Ok(("api.example".to_owned(), port, "/a?b".to_owned()));
        assert_eq!(of("GET", "/a?b", &["API.example"]), want(None));
        assert_eq!(of("GET", "/a?b", &["api.example:81"]), want(Some(81)));
        assert_eq!(of("GET", "http://api.example:81/a?b", &["api.example:81"]), want(Some(81)));
        assert_eq!(of("GET", "/", &["[::1]:8"]).unwrap().0, "[::1]");
    }

    #[test]
    fn what_is_ambiguous_is_refused() {
        for (method, uri, hosts, why) in [
            ("CONNECT", "api.example:443", &["api.example"][..], NotPlain::Tunnel),
            ("GET", "/", &[], NotPlain::Host),
            ("GET", "/", &["a", "a"], NotPlain::Host),
            ("GET", "http://a/", &["b"], NotPlain::Host),
            ("GET", "/", &["u@a"], NotPlain::Host),
            ("GET", "/", &["a:x"], NotPlain::Host),
            ("GET", "/", &[""], NotPlain::Host),
            ("GET", "https://a/", &["a"], NotPlain::Scheme),
            ("OPTIONS", "*", &["a"], NotPlain::Path),
        ] {
            assert_eq!(of(method, uri, hosts), Err(why), "{method} {uri}");
        }
    }
}
