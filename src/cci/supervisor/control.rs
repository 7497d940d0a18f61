//! What commands of this user's ask the supervisor.

use std::cell::RefCell;
use std::rc::Rc;

use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::build::Build;
use super::house::House;
use super::http::{Answer, Body, LARGEST_HEAD, Limits, answer, refusal};
use super::status::Status;

/// What commands of one user may have open.
pub(super) const LIMITS: Limits = Limits { connections: 256, lives: None, head: LARGEST_HEAD };
/// What it is doing.
pub(super) const STATUS: &str = "/status";
/// There are sessions that it does not know yet.
pub(super) const LOOK: &str = "/look";
/// Lets a session reach something beside its policy.
pub(super) const ALLOW: &str = "/allow";
/// Answered when it ends, with why.
pub(super) const END: &str = "/end";
/// The person wants it to end.
pub(super) const STOP: &str = "/stop";
/// Another build takes over.
pub(super) const HAND_OVER: &str = "/hand-over";

/// Why a supervisor ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ended {
    /// The person stopped it, or the system did.
    Stopped,
    /// A newer cci takes its place.
    HandedOver,
    /// No session was left.
    Idle,
}

/// What a supervisor's own socket knows.
pub(super) struct Control {
    pub(super) house: Rc<House>,
    pub(super) build: Build,
    pub(super) since: String,
    /// Cancelled when it is to end.
    pub(super) ending: CancellationToken,
    pub(super) why: RefCell<Option<Ended>>,
}

impl Control {
    /// Asks it to end; the first reason counts.
    pub(super) fn end(&self, why: Ended) {
        self.why.borrow_mut().get_or_insert(why);
        self.ending.cancel();
    }

    /// Why it ends.
    pub(super) fn why(&self) -> Ended {
        self.why.borrow().unwrap_or(Ended::Stopped)
    }

    fn status(&self) -> Status {
        Status {
            running: true,
            pid: Some(std::process::id()),
            version: Some(self.build.version.clone()),
            built: Some(self.build.written),
            since: Some(self.since.clone()),
            sessions: self.house.status(),
        }
    }

    async fn allow(&self, request: Request<Incoming>) -> Answer {
        let asked = Body::of(request).await.and_then(|body| serde_json::from_value(body.json()?).ok());
        let Some(asked) = asked else {
            return refusal(StatusCode::BAD_REQUEST, "unknown-request", "it does not say what is to be allowed");
        };
        match self.house.allow(asked).await {
            Ok(()) => answer(StatusCode::OK, &json!({ "allowed": true })),
            Err(error) => refusal(StatusCode::CONFLICT, "not-allowed", &error.to_string()),
        }
    }

    /// Answers a request.
    pub(super) async fn respond(self: Rc<Self>, request: Request<Incoming>) -> Answer {
        let is_ending = self.ending.is_cancelled();
        match (request.method().as_str(), request.uri().path()) {
            ("GET", END) => {
                self.ending.cancelled().await;
                answer(StatusCode::OK, &json!({ "ended": self.why() }))
            }
            // its successor finds what was noted
            ("POST", LOOK) if is_ending && self.why() == Ended::HandedOver => {
                answer(StatusCode::OK, &json!(self.status()))
            }
            _ if is_ending => refusal(StatusCode::CONFLICT, "ending", "it is ending"),
            ("GET", STATUS) => answer(StatusCode::OK, &json!(self.status())),
            ("POST", LOOK) => {
                self.house.admit();
                answer(StatusCode::OK, &json!(self.status()))
            }
            ("POST", ALLOW) => self.allow(request).await,
            ("POST", STOP) => {
                self.end(Ended::Stopped);
                answer(StatusCode::OK, &json!({ "ended": self.why() }))
            }
            ("POST", HAND_OVER) => {
                self.end(Ended::HandedOver);
                answer(StatusCode::OK, &json!({ "ended": self.why() }))
            }
            _ => refusal(StatusCode::NOT_FOUND, "unknown-request", "unknown request"),
        }
    }
}
