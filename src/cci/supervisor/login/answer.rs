//! Refusals in the words of the agent's API, so that the agent shows them.

use std::time::Duration;

use cci_agent::{Login, Refusal};
use hyper::StatusCode;
use hyper::header::{HeaderValue, RETRY_AFTER};

use super::body::Out;
use crate::supervisor::http;

/// Why a request is not passed on.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) kind: Refusal,
    pub(super) why: String,
    /// How soon it would be.
    pub(super) again: Option<Duration>,
}

impl Refused {
    pub(super) fn new(kind: Refusal, why: impl Into<String>) -> Self {
        Self { kind, why: why.into(), again: None }
    }

    /// The answer.
    pub(super) fn answer(&self, login: &dyn Login) -> hyper::Response<Out> {
        let status = match self.kind {
            Refusal::NoLogin => StatusCode::UNAUTHORIZED,
            Refusal::Forbidden => StatusCode::FORBIDDEN,
            Refusal::TooSoon => StatusCode::TOO_MANY_REQUESTS,
            Refusal::Malformed => StatusCode::BAD_REQUEST,
            Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Unreachable => StatusCode::BAD_GATEWAY,
        };
        let mut answer = http::answer(status, &login.refusal(self.kind, &format!("cci: {}", self.why)));
        if let Some(again) = self.again {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(again.as_secs() + 1));
        }
        answer.map(Out::Left)
    }
}
