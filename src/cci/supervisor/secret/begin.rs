//! The socket for a session's secrets, as long as the session is watched.

use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use cci_guest::agent_socket::SECRETS_NAME;
use cci_host::store::run_dir::{RunDir, Watched};
use tokio::net::UnixListener;
use tokio::task::JoinSet;

use super::pass::Passage;
use super::vault::Vault;
use crate::supervisor::door::{self, Door};
use crate::supervisor::http::{Limits, serve};

/// What a guest may have open, and how long. One request a connection: nothing is behind it that another reads otherwise.
const LIMITS: Limits = Limits { connections: 32, lives: Some(Duration::from_secs(3600)), head: 64 * 1024 };

/// Begins to listen, in a task that ends with the session.
pub(in crate::supervisor) fn begin(
    run: &RunDir,
    watched: &Watched,
    vault: &Rc<Vault>,
    tasks: &mut JoinSet<()>,
) -> io::Result<()> {
    let Some(note) = &watched.secrets else { return Ok(()) };
    let passage = Passage::of(note, vault)?;
    let (run, watched) = (run.clone(), watched.clone());
    let opened = open(&run, &watched)?;
    tasks.spawn_local(async move { match listen(run, watched, passage, opened).await {} });
    Ok(())
}

fn open(run: &RunDir, watched: &Watched) -> io::Result<(Door, UnixListener)> {
    Door::open(run.path(), &run.sockets(watched.session), SECRETS_NAME, Some(watched.owner))
}

async fn listen(run: RunDir, watched: Watched, passage: Rc<Passage>, opened: (Door, UnixListener)) -> Infallible {
    let served = move |listener| {
        let passage = Rc::clone(&passage);
        serve(listener, LIMITS, move |request| Rc::clone(&passage).respond(request))
    };
    door::keep(opened, move || open(&run, &watched), served).await
}
