//! Which protocol a connection may go over to in which a secret is carried.

use cci_proxy::of_connection;
use hyper::Method;
use hyper::header::{HeaderMap, HeaderValue, SEC_WEBSOCKET_EXTENSIONS, UPGRADE};
use hyper::http::request::Parts;

use super::refused::Refused;

/// The protocol that a request wants to go over to. It is that of web sockets: in no other can what comes back be looked
/// through.
pub(super) fn switched_to(asked: &Parts) -> Result<Option<HeaderValue>, Refused> {
    if !of_connection(&asked.headers).any(|word| word.eq_ignore_ascii_case("upgrade")) {
        return Ok(None);
    }
    let mut protocols = asked.headers.get_all(UPGRADE).iter();
    match (protocols.next(), protocols.next()) {
        (None, _) => Ok(None),
        (Some(one), None) if is_web_socket(one) && asked.method == Method::GET => Ok(Some(one.clone())),
        _ => Err(Refused::malformed("no other protocol than websocket is gone over to where a secret is carried")),
    }
}

/// Whether a server goes over to plain web sockets.
pub(super) fn agrees(answer: &HeaderMap) -> bool {
    let mut protocols = answer.get_all(UPGRADE).iter();
    let is_one = protocols.next().is_some_and(is_web_socket) && protocols.next().is_none();
    // one that compresses is among them
    is_one && !answer.contains_key(SEC_WEBSOCKET_EXTENSIONS)
}

fn is_web_socket(protocol: &HeaderValue) -> bool {
    protocol.as_bytes().eq_ignore_ascii_case(b"websocket")
}
