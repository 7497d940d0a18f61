//! The socket for a session's secrets, as long as the session is watched.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use cci_guest::agent_socket::SECRETS_NAME;
use cci_host::store::run_dir::{RunDir, Watched};
use tokio::task::JoinSet;

use super::pass::Passage;
use super::vault::Vault;
use crate::supervisor::door;
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
    let served = move |listener| {
        let passage = Rc::clone(&passage);
        serve(listener, LIMITS, move |request| Rc::clone(&passage).respond(request))
    };
    door::keep(run, watched, SECRETS_NAME, served, tasks)
}
