//! The proxies through which a host itself goes out, as its environment says.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::host_name::HostName;

/// How a file says that the environment of each launch names the proxies.
pub const INHERIT: &str = "inherit";

/// A proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct Upstream {
    /// How it is talked to.
    pub kind: UpstreamKind,
    /// Where it is.
    pub host: UpstreamHost,
    /// Its port.
    pub port: u16,
    /// The name and the password that it wants.
    pub login: Option<(String, String)>,
}

/// How a proxy is talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamKind {
    /// HTTP, with `CONNECT`.
    Connect,
    /// SOCKS5, with addresses that this host looks up.
    Socks5,
    /// SOCKS5, with names.
    Socks5Names,
}

/// Where a proxy is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamHost {
    /// At this address.
    Address(IpAddr),
    /// At those of this name.
    Name(HostName),
}

/// Why a text is no proxy. It does not have the text, which may have a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// Its scheme is none of ours.
    #[error("a proxy is `http://`, `socks5://` or `socks5h://`, with a host and a port")]
    Scheme,
    /// It is not a URL of a host.
    #[error("the proxy's URL has no host, or a port that is none")]
    Shape,
}

impl FromStr for Upstream {
    type Err = UpstreamError;

    /// Reads a URL; without a scheme it is one of HTTP, as programs take it.
    fn from_str(raw: &str) -> Result<Self, UpstreamError> {
        let (scheme, rest) = raw.trim().split_once("://").unwrap_or(("http", raw.trim()));
        let (kind, usual) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (UpstreamKind::Connect, 80),
            "socks5" => (UpstreamKind::Socks5, 1080),
            "socks5h" | "socks" => (UpstreamKind::Socks5Names, 1080),
            _ => return Err(UpstreamError::Scheme),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, authority),
        };
        let login = login.map(|login| login.split_once(':').unwrap_or((login, "")));
        let login = login.map(|(name, password)| (decoded(name), decoded(password)));
        // the brackets of an IPv6 address part it from its port
        let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port),
            None => place.split_at(place.rfind(':').unwrap_or(place.len())),
        };
        let port = match port.strip_prefix(':').unwrap_or(port) {
            "" => usual,
            port => port.parse().ok().filter(|port| *port > 0).ok_or(UpstreamError::Shape)?,
        };
        let host = match host.parse() {
            Ok(address) => UpstreamHost::Address(address),
            Err(_) => UpstreamHost::Name(HostName::typed(host).map_err(|_| UpstreamError::Shape)?),
        };
        Ok(Self { kind, host, port, login })
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Upstream").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl fmt::Display for Upstream {
    /// How it is talked to and where it is, without the login.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            UpstreamKind::Connect => "http",
            UpstreamKind::Socks5 => "socks5",
            UpstreamKind::Socks5Names => "socks5h",
        };
        let Self { host, port, .. } = self;
        match host {
            UpstreamHost::Address(IpAddr::V6(address)) => write!(out, "{scheme}://[{address}]:{port}"),
            UpstreamHost::Address(IpAddr::V4(address)) => write!(out, "{scheme}://{address}:{port}"),
            UpstreamHost::Name(name) => write!(out, "{scheme}://{name}:{port}"),
        }
    }
}

/// What a URL has in place of its characters: `%40` for `@`.
fn decoded(raw: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = raw.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let code = others.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        let code = code.filter(|_| *first == b'%').and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &others[2..] } else { others };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The proxies of a host as its environment has them. Passwords in it are for the supervisor's note and nobody's eyes.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProxyVariables {
    /// The proxy for port 80.
    pub http: Option<String>,
    /// The proxy for other ports.
    pub https: Option<String>,
    /// The names that need none.
    pub except: String,
}

impl ProxyVariables {
    /// Those of an environment. A name in lower case counts before one in upper case, as with curl.
    #[must_use]
    pub fn of<'a>(variable: impl Fn(&str) -> Option<&'a str>) -> Self {
        let found = |name: &str| {
            let either = [name.to_owned(), name.to_uppercase()];
            either.iter().find_map(|name| variable(name).filter(|value| !value.trim().is_empty()).map(str::to_owned))
        };
        let all = found("all_proxy");
        Self {
            http: found("http_proxy").or_else(|| all.clone()),
            https: found("https_proxy").or(all),
            except: found("no_proxy").unwrap_or_default(),
        }
    }

    /// One proxy for everything.
    #[must_use]
    pub fn always(url: &str) -> Self {
        Self { http: Some(url.to_owned()), https: Some(url.to_owned()), except: String::new() }
    }
}

impl fmt::Debug for ProxyVariables {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ProxyVariables").finish_non_exhaustive()
    }
}

/// Which proxy a connection takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upstreams {
    http: Option<Upstream>,
    https: Option<Upstream>,
    except: Vec<Exception>,
}

/// One of the names that need none.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Exception {
    /// All of them.
    Every,
    /// This one and all below it, on this port or on any.
    Name(HostName, Option<u16>),
}

impl Upstreams {
    /// Reads them.
    pub fn read(variables: &ProxyVariables) -> Result<Self, UpstreamError> {
        let read = |url: &Option<String>| url.as_deref().map(str::parse).transpose();
        let parts = variables.except.split([',', ' ']).map(str::trim).filter(|part| !part.is_empty());
        Ok(Self {
            http: read(&variables.http)?,
            https: read(&variables.https)?,
            except: parts.filter_map(exception).collect(),
        })
    }

    /// Each of them once, for port 80 first.
    pub fn all(&self) -> impl Iterator<Item = &Upstream> {
        self.http.iter().chain(self.https.iter().filter(|https| self.http.as_ref() != Some(*https)))
    }

    /// The one for a name and a port, if it does not go out directly.
    #[must_use]
    pub fn of(&self, name: &HostName, port: u16) -> Option<&Upstream> {
        let is_excepted = self.except.iter().any(|exception| match exception {
            Exception::Every => true,
            Exception::Name(above, on) => on.is_none_or(|on| on == port) && is_or_below(name, above),
        });
        let upstream = if port == 80 { &self.http } else { &self.https };
        upstream.as_ref().filter(|_| !is_excepted)
    }
}

/// What is no name excepts nothing here: connections are for names.
fn exception(raw: &str) -> Option<Exception> {
    if raw == "*" {
        return Some(Exception::Every);
    }
    let (name, port) = match raw.rsplit_once(':') {
        Some((name, port)) => (name, Some(port.parse().ok()?)),
        None => (raw, None),
    };
    let name = name.strip_prefix("*.").or_else(|| name.strip_prefix('.')).unwrap_or(name);
    Some(Exception::Name(HostName::typed(name).ok()?, port))
}

/// As programs read `no_proxy`: `lan` and `internal`, below which anything belongs to whoever named it, count as well. It
/// says only which way a connection takes that a rule has allowed, so no public suffix ends it ([`HostName::is_below`]).
fn is_or_below(name: &HostName, above: &HostName) -> bool {
    let rest = name.as_str().strip_suffix(above.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(raw: &str) -> HostName {
        HostName::typed(raw).unwrap()
    }

    #[test]
    fn a_url_is_a_proxy() {
        let read = |raw: &str| raw.parse::<Upstream>().unwrap();
        let plain = read("http://proxy.lan:3128/");
        assert_eq!((plain.kind, plain.port, &plain.login), (UpstreamKind::Connect, 3128, &None));
        assert_eq!(plain.host, UpstreamHost::Name(name("proxy.lan")));
        assert_eq!(read("proxy.lan:3128"), plain);
        assert_eq!(read("http://proxy.lan").port, 80);
        let socks = read("SOCKS5H://u%40x:p%3a%2F@[::1]:1081");
        assert_eq!((socks.kind, socks.port), (UpstreamKind::Socks5Names, 1081));
        assert_eq!(socks.host, UpstreamHost::Address("::1".parse().unwrap()));
        assert_eq!(socks.login, Some(("u@x".into(), "p:/".into())));
        assert_eq!(read("socks5://10.0.0.1").port, 1080);
        assert_eq!(read("http://u@proxy.lan").login, Some(("u".into(), String::new())));
    }

    #[test]
    fn it_is_shown_without_its_login_and_each_once() {
        let shown = |variables: &ProxyVariables| -> Vec<String> {
            Upstreams::read(variables).unwrap().all().map(ToString::to_string).collect()
        };
        assert_eq!(shown(&ProxyVariables::always("http://u:secret@proxy.lan:3128/")), ["http://proxy.lan:3128"]);
        let two = ProxyVariables { https: Some("socks5h://[::1]".into()), ..ProxyVariables::always("10.0.0.1:8080") };
        assert_eq!(shown(&two), ["http://10.0.0.1:8080", "socks5h://[::1]:1080"]);
    }

    #[test]
    fn an_error_and_a_debug_text_have_no_password() {
        for raw in ["https://u:secret@proxy.lan", "ftp://u:secret@x", "http://u:secret@", "http://u:secret@x:99999"] {
            assert!(!raw.parse::<Upstream>().unwrap_err().to_string().contains("secret"));
        }
        let variables = ProxyVariables::always("http://u:secret@proxy.lan:1");
        let read = Upstreams::read(&variables).unwrap();
        assert!(!format!("{variables:?} {read:?}").contains("secret"));
    }

    #[test]
    fn a_name_in_lower_case_counts_first_and_one_for_all_last() {
        let of = |all: &'static [(&str, &str)]| {
            ProxyVariables::of(|name| all.iter().find(|(key, _)| *key == name).map(|(_, value)| *value))
        };
        let both = of(&[("HTTPS_PROXY", "http://upper"), ("https_proxy", "http://lower"), ("NO_PROXY", "a.lan")]);
        assert_eq!(
            (both.https.as_deref(), both.http.as_deref(), both.except.as_str()),
            (Some("http://lower"), None, "a.lan")
        );
        let all = of(&[("ALL_PROXY", "socks5://s"), ("http_proxy", "http://h"), ("https_proxy", "")]);
        assert_eq!((all.http.as_deref(), all.https.as_deref()), (Some("http://h"), Some("socks5://s")));
        assert_eq!(of(&[]), ProxyVariables::default());
    }

    #[test]
    fn what_needs_no_proxy_is_read_in_every_form() {
        let proxied = |except: &str, host: &str, port: u16| {
            let variables = ProxyVariables { except: except.into(), ..ProxyVariables::always("http://proxy.lan:1") };
            Upstreams::read(&variables).unwrap().of(&name(host), port).is_some()
        };
        for except in
            ["a.lan", ".a.lan", "*.a.lan", "A.LAN", "x.lan, a.lan", "x.lan a.lan", "a.lan:443", "lan", ".lan", "*"]
        {
            assert!(!proxied(except, "a.lan", 443) && !proxied(except, "b.a.lan", 443), "{except}");
        }
        for except in ["", "b.a.lan", "lan.a", "a.la", "a.lan:80", "10.0.0.0/8", "127.0.0.1", "::1", "a.lan:x"] {
            assert!(proxied(except, "a.lan", 443), "{except}");
        }
        assert!(proxied("a.lan", "ba.lan", 443));
    }

    #[test]
    fn the_port_says_which_proxy_it_is() {
        let variables = ProxyVariables { http: Some("http://one:1".into()), https: None, except: String::new() };
        let read = Upstreams::read(&variables).unwrap();
        assert!(read.of(&name("a.lan"), 80).is_some() && read.of(&name("a.lan"), 443).is_none());
    }
}
