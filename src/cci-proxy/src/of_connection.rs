//! What a message says of the connection that carries it.

use hyper::header::{CONNECTION, HeaderMap};

/// The words of `Connection`: options, and names of headers that are for this connection only.
pub fn of_connection(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}
