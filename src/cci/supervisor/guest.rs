//! The socket of one session, as long as it is watched: opened again where the guest has removed it.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use cci_guest::agent_socket::NAME;
use cci_host::store::run_dir::RunDir;
use hyper::Request;
use hyper::body::Incoming;
use tokio::task::JoinSet;

use super::door;
use super::http::{Body, LARGEST_HEAD, Limits, refusal, serve};
use super::session::Session;

/// What a guest may have open, and how long: a hostile one takes nothing from the others.
const LIMITS: Limits = Limits { connections: 16, lives: Some(Duration::from_secs(120)), head: LARGEST_HEAD };

/// Begins to listen, in a task that ends with the session.
pub(super) fn begin(run: &RunDir, session: &Rc<Session>, tasks: &mut JoinSet<()>) -> io::Result<()> {
    let asked = Rc::clone(session);
    let serve = move |listener| {
        let asked = Rc::clone(&asked);
        serve(listener, LIMITS, move |request| respond(Rc::clone(&asked), request))
    };
    door::keep(run, &session.watched, NAME, serve, tasks)
}

async fn respond(session: Rc<Session>, request: Request<Incoming>) -> super::http::Answer {
    let (method, path) = (request.method().as_str().to_owned(), request.uri().path().to_owned());
    match Body::of(request).await {
        Some(body) => session.respond(&method, &path, body).await,
        None => refusal(hyper::StatusCode::REQUEST_TIMEOUT, "timed-out", "the request did not arrive"),
    }
}
