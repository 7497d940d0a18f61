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
use tokio::time::{MissedTickBehavior, interval};

use super::door::Door;
use super::http::{Body, Limits, refusal, serve};
use super::session::Session;

/// What a guest may have open, and how long: a hostile one takes nothing from the others.
const LIMITS: Limits = Limits { connections: 16, lives: Some(Duration::from_secs(120)) };
/// How often it is made sure that the socket is there.
const MENDED: Duration = Duration::from_secs(10);

/// Opens a session's socket.
pub(super) fn open(run: &RunDir, session: &Session) -> io::Result<(Door, UnixListener)> {
    Door::open(run.path(), &run.sockets(session.watched.session), NAME, Some(session.watched.owner))
}

/// Listens there, and opens it again where it is gone.
pub(super) async fn listen(run: RunDir, session: Rc<Session>, mut opened: (Door, UnixListener)) -> Infallible {
    let mut ticks = interval(MENDED);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let (door, listener) = opened;
        let asked = Rc::clone(&session);
        let respond = move |request| respond(Rc::clone(&asked), request);
        tokio::select! {
            never = serve(listener, LIMITS, respond) => match never {},
            () = missing(&door, &mut ticks) => {}
        }
        drop(door);
        opened = loop {
            match open(&run, &session) {
                Ok(opened) => break opened,
                Err(_) => ticks.tick().await,
            };
        };
    }
}

async fn missing(door: &Door, ticks: &mut tokio::time::Interval) {
    while door.is_there() {
        ticks.tick().await;
    }
}

async fn respond(session: Rc<Session>, request: Request<Incoming>) -> super::http::Answer {
    let (method, path) = (request.method().as_str().to_owned(), request.uri().path().to_owned());
    match Body::of(request).await {
        Some(body) => session.respond(&method, &path, body).await,
        None => refusal(hyper::StatusCode::REQUEST_TIMEOUT, "timed-out", "the request did not arrive"),
    }
}
