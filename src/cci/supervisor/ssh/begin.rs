//! The socket for the SSH agent of a session's caller, as long as the session is watched.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use cci_guest::agent_socket::SSH_NAME;
use cci_host::store::run_dir::{RunDir, Watched};
use tokio::net::UnixListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::relay::relay;
use crate::supervisor::door;
use crate::supervisor::log::Log;

/// How many connections a guest may have open.
const CONNECTIONS: usize = 16;
/// How long to wait where there are no more files.
const NO_FILES: Duration = Duration::from_millis(100);

/// Begins to listen, in a task that ends with the session.
pub(in crate::supervisor) fn begin(
    run: &RunDir,
    watched: &Watched,
    log: &Rc<Log>,
    tasks: &mut JoinSet<()>,
) -> io::Result<()> {
    let Some(note) = &watched.ssh else { return Ok(()) };
    let (agent, told) = (note.agent.clone(), Told { session: watched.session.to_string(), log: Rc::clone(log) });
    door::keep(run, watched, SSH_NAME, move |listener| serve(listener, agent.clone(), told.clone()), tasks)
}

/// Where it is told that the agent does not answer.
#[derive(Clone)]
struct Told {
    session: String,
    log: Rc<Log>,
}

async fn serve(listener: UnixListener, agent: PathBuf, told: Told) -> Infallible {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    // they end with the listener
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            Some(_) = connections.join_next() => continue,
            accepted = async {
                let place = Arc::clone(&room).acquire_owned().await.ok()?;
                Some((place, listener.accept().await.ok()?.0))
            } => accepted,
        };
        let Some((place, stream)) = accepted else {
            tokio::time::sleep(NO_FILES).await;
            continue;
        };
        let (agent, told) = (agent.clone(), told.clone());
        connections.spawn_local(async move {
            if let Err(error) = relay(stream, &agent).await {
                let Told { session, log } = told;
                log.say(format_args!("{session}: the SSH agent at {} does not answer: {error}", agent.display()));
            }
            drop(place);
        });
    }
}
