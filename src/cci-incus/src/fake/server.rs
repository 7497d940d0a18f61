//! HTTP on the daemon's socket.

use std::{
    io,
    os::unix::net::UnixListener,
    sync::{Arc, Mutex, PoisonError},
};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::UnixStream, sync::oneshot, task::JoinSet};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{handshake::derive_accept_key, protocol::Role},
};

use super::{
    call::{Call, Reply},
    exec::{self, Feed},
    fault::Fault,
    state::State,
};
use crate::url;

type Shared = Arc<Mutex<State>>;
type Answer = Response<Full<Bytes>>;

/// Serves connections until the other end of `stop` is dropped.
pub(super) async fn serve(listener: UnixListener, state: Shared, mut stop: oneshot::Receiver<()>) {
    let Ok(listener) = tokio::net::UnixListener::from_std(listener) else { return };
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stop => return,
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { return };
                connections.spawn(connection(stream, state.clone()));
            }
        }
    }
}

async fn connection(stream: UnixStream, state: Shared) {
    let service = service_fn(|request| answer(request, state.clone()));
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // a connection that a fault cuts off is an error
    let _ = connection.with_upgrades().await;
}

/// Answers one request; an error cuts off the connection.
async fn answer(mut request: Request<Incoming>, state: Shared) -> io::Result<Answer> {
    let line = format!("{} {}", request.method(), request.uri().path());
    let fault = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.requests.push(line.clone());
        state.faults.of(&line)
    };
    match &fault {
        Some(Fault::Lose) => return Err(io::ErrorKind::ConnectionReset.into()),
        Some(Fault::Meanwhile { path, object }) => {
            state.lock().unwrap_or_else(PoisonError::into_inner).set(path, object.clone());
        }
        _ => {}
    }
    if request.headers().contains_key(header::UPGRADE) {
        return Ok(upgrade(request, &state));
    }
    let mut call = read(&mut request).await;
    let reply = match &fault {
        Some(Fault::Refuse { code, sentence }) => Reply::Error(*code, sentence.clone()),
        fault => {
            if let Some(Fault::Fail { code, sentence }) = fault {
                call.failure = Some((*code, sentence.clone()));
            }
            state.lock().unwrap_or_else(PoisonError::into_inner).reply(&call)
        }
    };
    match fault {
        Some(Fault::Cut) => return Err(io::ErrorKind::ConnectionReset.into()),
        Some(Fault::Delay(by)) => tokio::time::sleep(by).await,
        _ => {}
    }
    Ok(rendered(reply))
}

async fn read(request: &mut Request<Incoming>) -> Call {
    let body = request.body_mut().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let uri = request.uri();
    let query = query(uri.query().unwrap_or_default());
    let segments = uri.path().split('/').skip(2).filter(|segment| !segment.is_empty());
    Call {
        method: request.method().to_string(),
        segments: segments.map(|segment| url::decoded(segment).unwrap_or_default()).collect(),
        project: query.get("project").cloned().unwrap_or_else(|| "default".to_owned()),
        if_match: request.headers().get(header::IF_MATCH).and_then(|tag| Some(tag.to_str().ok()?.to_owned())),
        query,
        body: serde_json::from_slice(&body).unwrap_or_default(),
        failure: None,
    }
}

fn query(text: &str) -> std::collections::BTreeMap<String, String> {
    let decoded = |text: &str| url::decoded(text).unwrap_or_default();
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (decoded(key), decoded(value))).collect()
}

fn rendered(reply: Reply) -> Answer {
    let error = |code: u16, sentence: String| json!({"type": "error", "error": sentence, "error_code": code});
    let (status, etag, body) = match reply {
        Reply::Sync { metadata, etag } => (200, etag, json!({"type": "sync", "metadata": metadata})),
        Reply::Async(metadata) => (202, None, json!({"type": "async", "metadata": metadata})),
        Reply::Error(code, sentence) => (code, None, error(code, sentence)),
        Reply::Failed(code, sentence) => (200, None, error(code, sentence)),
        Reply::Bytes(bytes) => return Response::new(Full::from(bytes)),
    };
    let mut answer = json_answer(status, &body);
    if let Some(etag) = etag.and_then(|etag| etag.parse().ok()) {
        answer.headers_mut().insert(header::ETAG, etag);
    }
    answer
}

fn json_answer(status: u16, body: &Value) -> Answer {
    let mut answer = Response::new(Full::from(body.to_string()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer
}

/// Upgrades to a websocket: that of a command, or of events.
fn upgrade(request: Request<Incoming>, state: &Shared) -> Answer {
    let query = query(request.uri().query().unwrap_or_default());
    let segments: Vec<&str> = request.uri().path().split('/').skip(2).collect();
    let feed = {
        let state = state.lock().unwrap_or_else(PoisonError::into_inner);
        match segments.as_slice() {
            ["events"] => Some(Feed::Events(state.events.subscribe())),
            ["operations", id, "websocket"] => state.feed(id, query.get("secret").map_or("", String::as_str)),
            _ => None,
        }
    };
    let (Some(feed), Some(key)) = (feed, request.headers().get(header::SEC_WEBSOCKET_KEY).cloned()) else {
        return rendered(Reply::not_found());
    };
    let accept = derive_accept_key(key.as_bytes());
    tokio::spawn(async move {
        let Ok(connection) = hyper::upgrade::on(request).await else { return };
        let connection: crate::transport::Upgraded = Box::pin(TokioIo::new(connection));
        exec::serve(WebSocketStream::from_raw_socket(connection, Role::Server, None).await, feed).await;
    });
    let head = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, accept);
    head.body(Full::default()).unwrap_or_default()
}
