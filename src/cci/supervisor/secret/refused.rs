//! Refusals, in words that git and `gh` show.

use cci_core::Error;
use http_body_util::{Either, Full};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::json;

use super::out::Out;
use crate::supervisor::http;

/// Why a request is not passed on.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) why: String,
}

impl Refused {
    pub(super) fn new(status: StatusCode, code: &'static str, why: impl Into<String>) -> Self {
        Self { status, code, why: why.into() }
    }

    pub(super) fn malformed(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", why)
    }

    pub(super) fn forbidden(why: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", why)
    }

    pub(super) fn unreachable(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "unreachable", why)
    }

    /// The answer, in plain text for git, which shows no other.
    pub(super) fn answer<B>(&self, is_git: bool) -> Response<Out<B>> {
        let why = format!("cci: {}", self.why);
        if is_git {
            let mut answer = Response::new(Full::from(format!("{why}\n")));
            *answer.status_mut() = self.status;
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
            return answer.map(Either::Left);
        }
        let body = json!({ "message": why, "error": { "code": self.code, "message": self.why } });
        http::answer(self.status, &body).map(Either::Left)
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::unreachable(error.to_string())
    }
}
