//! Finds the Incus socket in the same way as the Incus tools.

use std::path::PathBuf;

use cci_core::settings::Settings;
use cci_incus::Client;
use cci_incus::{SocketEnv, candidates};

use super::caller::Caller;

/// A client of the existing socket; if there is none, of the default place, so that the first call names it.
pub fn client(caller: &Caller, settings: &Settings) -> Client {
    let (socket, own_project) = endpoint(caller, settings);
    let project = caller.var("INCUS_PROJECT").map(str::to_owned).or(own_project);
    let project = project.unwrap_or_else(|| settings.incus.project.clone());
    Client::unix(socket).in_project(&project)
}

/// Where the socket is, or should be.
#[must_use]
pub fn path(caller: &Caller, settings: &Settings) -> PathBuf {
    endpoint(caller, settings).0
}

fn endpoint(caller: &Caller, settings: &Settings) -> (PathBuf, Option<String>) {
    match &settings.incus.socket {
        Some(socket) => (socket.clone(), None),
        None => found(caller),
    }
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
