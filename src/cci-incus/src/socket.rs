//! Where the socket of a local Incus is, as the Incus tools look for it.

use std::path::PathBuf;

/// What of the environment decides it.
#[derive(Debug, Clone, Default)]
pub struct SocketEnv {
    /// `INCUS_SOCKET`
    pub incus_socket: Option<PathBuf>,
    /// `INCUS_DIR`
    pub incus_dir: Option<PathBuf>,
    /// The caller's uid, which names the project of the restricted user socket.
    pub uid: u32,
}

/// The places in order, each with the project that comes with it.
#[must_use]
pub fn candidates(env: &SocketEnv) -> Vec<(PathBuf, Option<String>)> {
    if let Some(socket) = &env.incus_socket {
        return vec![(socket.clone(), None)];
    }
    if let Some(dir) = &env.incus_dir {
        return vec![(dir.join("unix.socket"), None)];
    }
    let dirs = ["/run/incus", "/var/lib/incus"];
    let whole = dirs.map(|dir| (PathBuf::from(dir).join("unix.socket"), None));
    let own = dirs.map(|dir| (PathBuf::from(dir).join("unix.socket.user"), Some(format!("user-{}", env.uid))));
    whole.into_iter().chain(own).collect()
}
