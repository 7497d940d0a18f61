//! Finds the Incus socket the way the Incus tools do.

use std::path::PathBuf;

use cci_core::Result;
use cci_core::settings::Settings;
use cci_incus::Client;
use cci_incus::{SocketEnv, candidates};

use super::caller::Caller;

/// A client of the socket that is there; where none is, of the place it should be, so that the first call names it.
pub(crate) fn client(caller: &Caller, settings: &Settings) -> Result<Client> {
    let found = match &settings.incus.socket {
        Some(socket) => (socket.clone(), None),
        None => found(caller),
    };
    let (socket, own_project) = found;
    let project = caller.var("INCUS_PROJECT").map(str::to_owned).or(own_project);
    let project = project.unwrap_or_else(|| settings.incus.project.clone());
    Ok(Client::unix(socket).in_project(&project))
}

fn found(caller: &Caller) -> (PathBuf, Option<String>) {
    let env = SocketEnv {
        incus_socket: caller.var("INCUS_SOCKET").map(PathBuf::from),
        incus_dir: caller.var("INCUS_DIR").map(PathBuf::from),
        uid: caller.ids.uid,
    };
    let all = candidates(&env);
    let there = all.iter().find(|(path, _)| path.exists()).or(all.first());
    there.cloned().unwrap_or_else(|| (PathBuf::from("/var/lib/incus/unix.socket"), None))
}
