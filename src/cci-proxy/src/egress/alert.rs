//! A refusal as a client of TLS understands it: an alert before any handshake.

use super::refusal::Refusal;

/// A fatal alert as one record; `None` where a client is told nothing.
pub(super) fn alert(refusal: &Refusal) -> Option<[u8; 7]> {
    let description = match refusal {
        // access_denied
        Refusal::NotListed { .. } | Refusal::OtherPort { .. } | Refusal::Special { .. } | Refusal::Hidden => 49,
        // unrecognized_name
        Refusal::NoName | Refusal::Address | Refusal::OtherName { .. } | Refusal::NotFound { .. } => 112,
        // decode_error
        Refusal::Malformed(_) | Refusal::TooLarge => 50,
        // internal_error
        Refusal::Unreachable { .. } | Refusal::NoProxy | Refusal::ProxyRefused { .. } => 80,
        Refusal::TooSlow | Refusal::Busy | Refusal::Unaccepted { .. } => return None,
    };
    Some([21, 3, 3, 0, 2, 2, description])
}
