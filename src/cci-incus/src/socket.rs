//! The possible places of the daemon's socket, in the order in which the Incus tools look.

use std::path::PathBuf;

/// What decides where to look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SocketEnv {
    /// `INCUS_SOCKET`: the socket itself.
    pub incus_socket: Option<PathBuf>,
    /// `INCUS_DIR`: the daemon's directory.
    pub incus_dir: Option<PathBuf>,
    /// The caller's uid, which names the project behind the users' socket.
    pub uid: u32,
}

/// The sockets to try, first to last, each with the project that it leads to (`None`: the caller's choice).
///
/// A path named by the caller is the only one, so that no other daemon answers instead.
#[must_use]
pub fn candidates(env: &SocketEnv) -> Vec<(PathBuf, Option<String>)> {
    if let Some(socket) = &env.incus_socket {
        return vec![(socket.clone(), None)];
    }
    let directories = match &env.incus_dir {
        Some(directory) => vec![directory.clone()],
        None => vec![PathBuf::from("/run/incus"), PathBuf::from("/var/lib/incus")],
    };
    let full = directories.iter().map(|directory| (directory.join("unix.socket"), None));
    let own = Some(format!("user-{}", env.uid));
    let restricted = directories.iter().map(|directory| (directory.join("unix.socket.user"), own.clone()));
    full.chain(restricted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked_at(env: &SocketEnv) -> Vec<String> {
        let text = |(path, project): (PathBuf, Option<String>)| {
            format!("{} {}", path.display(), project.as_deref().unwrap_or("-"))
        };
        candidates(env).into_iter().map(text).collect()
    }

    #[test]
    fn the_full_sockets_come_before_those_for_users() {
        assert_eq!(
            looked_at(&SocketEnv { uid: 1234, ..SocketEnv::default() }),
            [
                "/run/incus/unix.socket -",
                "/var/lib/incus/unix.socket -",
                "/run/incus/unix.socket.user user-1234",
                "/var/lib/incus/unix.socket.user user-1234",
            ]
        );
    }

    #[test]
    fn a_directory_of_the_callers_is_the_only_one() {
        let env = SocketEnv { incus_dir: Some("/srv/incus".into()), uid: 7, ..SocketEnv::default() };
        assert_eq!(looked_at(&env), ["/srv/incus/unix.socket -", "/srv/incus/unix.socket.user user-7"]);
    }

    #[test]
    fn a_socket_of_the_callers_goes_before_everything() {
        let (socket, directory) = (Some("/tmp/s".into()), Some("/srv/incus".into()));
        assert_eq!(looked_at(&SocketEnv { incus_socket: socket, incus_dir: directory, uid: 7 }), ["/tmp/s -"]);
    }
}
