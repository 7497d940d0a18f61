//! What goes to a guest.

use cci_proxy::Scrubbed;
use http_body_util::{Either, Full};
use hyper::body::Bytes;

/// A refusal, or what a host has answered, without the secret.
pub(in crate::supervisor) type Out<B = reqwest::Body> = Either<Full<Bytes>, Scrubbed<B>>;
