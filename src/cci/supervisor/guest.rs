//! The socket of one session, as long as it is watched: opened again where the guest has removed it.

use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use cci_guest::agent_socket::NAME;
use cci_host::store::run_dir::RunDir;
use hyper::Request;
use hyper::body::Incoming;
use tokio::net::UnixListener;

use super::door::{self, Door};
use super::http::{Body, LARGEST_HEAD, Limits, refusal, serve};
use super::session::Session;

/// What a guest may have open, and how long: a hostile one takes nothing from the others.
const LIMITS: Limits = Limits { connections: 16, lives: Some(Duration::from_secs(120)), head: LARGEST_HEAD };

/// Opens a session's socket.
pub(super) fn open(run: &RunDir, session: &Session) -> io::Result<(Door, UnixListener)> {
    Door::open(run.path(), &run.sockets(session.watched.session), NAME, Some(session.watched.owner))
}

/// Listens there, and opens it again where it is gone.
pub(super) async fn listen(run: RunDir, session: Rc<Session>, opened: (Door, UnixListener)) -> Infallible {
    let again = Rc::clone(&session);
    let serve = move |listener| {
        let asked = Rc::clone(&session);
        serve(listener, LIMITS, move |request| respond(Rc::clone(&asked), request))
    };
    door::keep(opened, move || open(&run, &again), serve).await
}

async fn respond(session: Rc<Session>, request: Request<Incoming>) -> super::http::Answer {
    let (method, path) = (request.method().as_str().to_owned(), request.uri().path().to_owned());
    match Body::of(request).await {
        Some(body) => session.respond(&method, &path, body).await,
        None => refusal(hyper::StatusCode::REQUEST_TIMEOUT, "timed-out", "the request did not arrive"),
    }
}
