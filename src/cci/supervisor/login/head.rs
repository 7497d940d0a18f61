//! What of a request's head is passed on, and which requests are not.

use cci_agent::{Login, Provider, Refusal};
use cci_proxy::of_connection;
use hyper::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue,
    SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::request::Parts;

use super::answer::Refused;
use super::body::LARGEST;

/// What is of one connection only.
const OF_A_CONNECTION: [HeaderName; 6] = [CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, HOST];
/// The same by names that no standard knows.
const FURTHER: [&str; 4] = ["keep-alive", "proxy-authorization", "proxy-connection", "proxy-authenticate"];
/// Where an API key stands.
pub(super) const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// How a request wants to be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wants {
    /// With the login on the host.
    Login,
    /// With nothing.
    Nothing,
}

/// Refuses what is no plain request for something that a session may ask for.
pub(super) fn judge(parts: &Parts, login: &dyn Login, provider: Option<&Provider>) -> Result<Wants, Refused> {
    let malformed = |why: &str| Refused::new(Refusal::Malformed, why);
    if parts.uri.scheme().is_some() || parts.uri.authority().is_some() {
        return Err(malformed("a request names a path here, and no address"));
    }
    let headers = &parts.headers;
    let host = headers.get_all(HOST).iter().collect::<Vec<_>>();
    if !matches!(host[..], [host] if host.as_bytes().eq_ignore_ascii_case(login.host().as_bytes())) {
        return Err(malformed("only the agent's own API is served here"));
    }
    if headers.contains_key(UPGRADE) {
        return Err(malformed("no other protocol is spoken here"));
    }
    // a length beside it does not count, and is not passed on: hyper leaves it out
    if headers.get_all(TRANSFER_ENCODING).iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Err(malformed("the body is in a form that is not passed on"));
    }
    let length = headers.get(CONTENT_LENGTH).map(|length| length.to_str().ok()?.parse::<u64>().ok());
    match length {
        Some(None) => return Err(malformed("the length of the body is not a number")),
        Some(Some(length)) if length > LARGEST => {
            return Err(Refused::new(Refusal::TooLarge, "the request is too large"));
        }
        _ => {}
    }
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    let may_ask = match provider {
        None => login.may_ask(method, path),
        Some(provider) => login.may_ask_provider(provider, method, path),
    };
    if !may_ask {
        let why = format!("a session may not ask for {}", path.escape_default());
        return Err(Refused::new(Refusal::Forbidden, why));
    }
    // there it could be another login, and no signature covers it
    if matches!(provider, Some(Provider::Bedrock { .. } | Provider::Vertex { .. })) && parts.uri.query().is_some() {
        return Err(malformed("nothing is asked for here but by a path"));
    }
    wants(headers, login)
}

/// Only the placeholder is replaced. Anything else would be somebody else's login, by which data could leave.
fn wants(headers: &HeaderMap, login: &dyn Login) -> Result<Wants, Refused> {
    let foreign = || Err(Refused::new(Refusal::Forbidden, "only the login on the host opens anything here"));
    let key = headers.get_all(API_KEY).iter().collect::<Vec<_>>();
    let bearer = headers.get_all(AUTHORIZATION).iter().collect::<Vec<_>>();
    let is_placeholder = |value: &HeaderValue| {
        value.to_str().ok().and_then(|value| value.strip_prefix("Bearer ")) == Some(login.placeholder())
    };
    let is_key = |value: &HeaderValue| value.as_bytes() == login.placeholder().as_bytes();
    match (&bearer[..], &key[..]) {
        ([], []) => Ok(Wants::Nothing),
        ([bearer], []) if is_placeholder(bearer) => Ok(Wants::Login),
        ([], [key]) if is_key(key) => Ok(Wants::Login),
        _ => foreign(),
    }
}

/// The headers of a request that are passed on.
pub(super) fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let mut kept = of_no_connection(headers);
    for name in [AUTHORIZATION, API_KEY, COOKIE] {
        kept.remove(name);
    }
    // what it took is read from the answer
    kept.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    kept
}

/// The headers of an answer that are passed on.
pub(in crate::supervisor) fn passed_back(headers: &HeaderMap) -> HeaderMap {
    let mut kept = of_no_connection(headers);
    kept.remove(SET_COOKIE);
    kept
}

/// The headers that are for whoever comes next as well.
pub(in crate::supervisor) fn of_no_connection(headers: &HeaderMap) -> HeaderMap {
    let named: Vec<String> = of_connection(headers).map(str::to_ascii_lowercase).collect();
    let is_kept = |name: &HeaderName| {
        !OF_A_CONNECTION.contains(name)
            && !FURTHER.contains(&name.as_str())
            && (*name == CONTENT_LENGTH || !named.iter().any(|one| one == name.as_str()))
    };
    headers.iter().filter(|(name, _)| is_kept(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}
