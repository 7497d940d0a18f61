//! A stub of an agent's API that issues logins and checks them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// What it has seen and decides.
#[derive(Default)]
pub(super) struct Seen {
    /// The heads of the requests that were passed on.
    pub(super) heads: Vec<(String, HeaderMap)>,
    /// How many bytes their bodies had.
    pub(super) bytes: u64,
    /// How often each refresh token was posted.
    pub(super) posted: BTreeMap<String, u32>,
    /// The access tokens, and when each ends.
    issued: BTreeMap<String, Instant>,
    /// The refresh token that opens.
    refresh: String,
    /// How long an access token lives.
    lives: Duration,
    /// How many requests were refused for their token.
    pub(super) refused: u32,
}

/// A running one.
pub(super) struct Api {
    pub(super) url: String,
    pub(super) seen: Arc<Mutex<Seen>>,
    /// A stream that is asked to wait goes on when this is notified.
    pub(super) goes_on: Arc<Notify>,
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

impl Api {
    /// One whose access tokens live so long.
    pub(super) fn start(lives: Duration) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Seen { lives, refresh: "refresh-0".into(), ..Seen::default() }));
        let goes_on = Arc::new(Notify::new());
        let (state, gate) = (Arc::clone(&seen), Arc::clone(&goes_on));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            tokio::task::LocalSet::new().block_on(&runtime, async move {
                let listener = TcpListener::from_std(listener).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let (state, gate) = (Arc::clone(&state), Arc::clone(&gate));
                    tokio::task::spawn_local(async move {
                        let service = service_fn(move |request| answer(request, Arc::clone(&state), Arc::clone(&gate)));
                        let _ = hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service)
                            .await;
                    });
                }
            });
        });
        Self { url, seen, goes_on }
    }

    /// The first login: an access token that lives as long as the others.
    pub(super) fn first(&self) -> (String, String) {
        let mut seen = self.seen.lock().unwrap();
        let ends = Instant::now() + seen.lives;
        seen.issued.insert("access-0".into(), ends);
        ("access-0".into(), seen.refresh.clone())
    }

    /// Ends an access token before its time.
    pub(super) fn revoke(&self, access: &str) {
        self.seen.lock().unwrap().issued.remove(access);
    }
}

async fn answer(
    request: Request<Incoming>,
    seen: Arc<Mutex<Seen>>,
    gate: Arc<Notify>,
) -> Result<Response<Body>, Infallible> {
    let (parts, mut body) = request.into_parts();
    if parts.uri.path() == "/token" {
        let bytes = body.collect().await.unwrap().to_bytes();
        let asked = serde_json::from_slice(&bytes).unwrap_or_else(|_| form(&bytes));
        // long enough for others to come in between
        tokio::time::sleep(Duration::from_millis(20)).await;
        return Ok(issue(&asked, &mut seen.lock().unwrap()));
    }
    let is_open = {
        let mut seen = seen.lock().unwrap();
        seen.heads.push((format!("{} {}", parts.method, parts.uri), parts.headers.clone()));
        let bearer = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = bearer.and_then(|bearer| bearer.strip_prefix("Bearer ")).unwrap_or_default();
        let is_open = seen.issued.get(token).is_some_and(|ends| *ends > Instant::now());
        seen.refused += u32::from(!is_open && !token.is_empty());
        is_open
    };
    while let Some(Ok(frame)) = body.frame().await {
        seen.lock().unwrap().bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
    if !is_open {
        return Ok(whole(StatusCode::UNAUTHORIZED, &json!({ "type": "error" })));
    }
    match parts.uri.query().unwrap_or_default() {
        "whole" => Ok(whole(StatusCode::OK, &json!({ "usage": { "input_tokens": 10, "output_tokens": 5 } }))),
        "never" => std::future::pending().await,
        "large" => {
            let piece = Bytes::from(vec![b'x'; 64 * 1024]);
            let pieces = futures_util::stream::iter((0..512).map(move |_| Ok(Frame::data(piece.clone()))));
            Ok(Response::new(StreamBody::new(pieces).boxed_unsync()))
        }
        query => {
            let waits = query == "wait";
            let parts = futures_util::stream::unfold(0, move |part| {
                let gate = Arc::clone(&gate);
                async move {
                    let text = match part {
                        0 => "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":7}}}\n\n",
                        1 => {
                            if waits {
                                gate.notified().await;
                            }
                            "data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":9}}\n\n"
                        }
                        _ => return None,
                    };
                    Some((Ok(Frame::data(Bytes::from(text))), part + 1))
                }
            });
            let mut answer = Response::new(StreamBody::new(parts).boxed_unsync());
            answer.headers_mut().insert(CONTENT_TYPE, "text/event-stream".parse().unwrap());
            answer.headers_mut().insert("set-cookie", "a=b".parse().unwrap());
            Ok(answer)
        }
    }
}

/// What a form says.
fn form(bytes: &[u8]) -> Value {
    let url = reqwest::Url::parse(&format!("http://form?{}", std::str::from_utf8(bytes).unwrap())).unwrap();
    url.query_pairs().map(|(name, value)| (name.into_owned(), Value::from(value.into_owned()))).collect()
}

fn issue(asked: &Value, seen: &mut Seen) -> Response<Body> {
    let posted = asked["refresh_token"].as_str().unwrap_or_default().to_owned();
    *seen.posted.entry(posted.clone()).or_default() += 1;
    if posted != seen.refresh || asked["grant_type"] != "refresh_token" {
        return whole(StatusCode::BAD_REQUEST, &json!({ "error": "invalid_grant" }));
    }
    let number: u32 = seen.posted.values().sum();
    let access = format!("access-{number}");
    seen.refresh = format!("refresh-{number}");
    let ends = Instant::now() + seen.lives;
    seen.issued.insert(access.clone(), ends);
    let lives = seen.lives.as_secs();
    whole(StatusCode::OK, &json!({ "access_token": access, "refresh_token": seen.refresh, "expires_in": lives }))
}

fn whole(status: StatusCode, body: &Value) -> Response<Body> {
    let mut answer = Response::new(Full::new(Bytes::from(body.to_string())).boxed_unsync());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, "application/json".parse().unwrap());
    answer
}
