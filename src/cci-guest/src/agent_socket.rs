//! The socket by which an agent in a container reaches the supervisor of its user: where it is, and how a turn is told.

use crate::shell::quoted;

/// Where the directory with the session's sockets is mounted. `/run/cci` leads there; systemd mounts over `/run`.
pub const DIRECTORY: &str = "/var/lib/cci";
/// The socket's name in it.
pub const NAME: &str = "agent.sock";
/// The socket.
pub const SOCKET: &str = "/var/lib/cci/agent.sock";
/// The name of the socket by which the agent reaches its API.
pub const LOGIN_NAME: &str = "login.sock";
/// That socket.
pub const LOGIN_SOCKET: &str = "/var/lib/cci/login.sock";
/// The directory with a login that has only an access token.
pub const LOGIN_DIRECTORY: &str = "/var/lib/cci/login";
/// The name of the socket by which requests get the secrets that they carry.
pub const SECRETS_NAME: &str = "secrets.sock";
/// That socket.
pub const SECRETS_SOCKET: &str = "/var/lib/cci/secrets.sock";
/// Where the image has a door to it for programs that know only addresses.
pub const SECRETS_PROXY: &str = "http://127.0.0.1:7288";
/// The name of the socket by which programs have the user's SSH agent sign.
pub const SSH_NAME: &str = "ssh.sock";
/// That socket.
pub const SSH_SOCKET: &str = "/var/lib/cci/ssh.sock";
/// The name of the directory with the configuration of `gh`.
pub const GH_NAME: &str = "gh";
/// That directory.
pub const GH_DIRECTORY: &str = "/var/lib/cci/gh";
/// The name of the certificate of the user's own authority, as of other certificates there.
pub const AUTHORITY_NAME: &str = "cci";
/// The file with it.
pub const AUTHORITY: &str = "/var/lib/cci/cci.crt";
/// The path that is asked what git is let in with.
pub const CREDENTIAL: &str = "/credential";
/// The path that is asked why something does not get through.
pub const WHY: &str = "/why";
/// The path that is asked, after each use of a tool, what was refused since it was asked last.
pub const REFUSED: &str = "/refused";
/// The path by which an agent asks its person for a host.
pub const ASK: &str = "/ask";
/// The name of the file with a line for the status bar.
pub const NOTICE_NAME: &str = "notice";
/// That file.
pub const NOTICE: &str = "/var/lib/cci/notice";
/// The path that is told that a turn begins.
pub const TURN_START: &str = "/turn-start";
/// The path that is told that a turn has ended.
pub const TURN_END: &str = "/turn-end";
/// How long an agent waits for the answer, in seconds.
pub const PATIENCE: u32 = 10;

/// A line for a shell that passes its standard input to one of the paths, prints nothing and always succeeds: whether
/// anybody listens never changes what the agent does.
#[must_use]
pub fn tell(path: &str) -> String {
    let url = quoted(&format!("http://cci{path}"));
    format!(
        "curl -q -s --noproxy '*' --max-time {PATIENCE} --unix-socket {SOCKET} -H 'Expect:' --data-binary @- {url} \
         >/dev/null 2>&1 || :"
    )
}

/// A line for a shell that prints what one of the paths answers, as JSON; nothing where there is nothing or nobody to tell
/// it, which it does not wait for.
#[must_use]
pub fn hear(path: &str) -> String {
    let url = quoted(&format!("http://cci{path}"));
    format!("[ -S {SOCKET} ] && curl -q -s -f --noproxy '*' --max-time 1 --unix-socket {SOCKET} {url} 2>/dev/null")
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_socket_is_in_its_directory() {
        assert_eq!(SOCKET, format!("{DIRECTORY}/{NAME}"));
        assert_eq!(LOGIN_SOCKET, format!("{DIRECTORY}/{LOGIN_NAME}"));
        assert_eq!(SECRETS_SOCKET, format!("{DIRECTORY}/{SECRETS_NAME}"));
        assert_eq!(SSH_SOCKET, format!("{DIRECTORY}/{SSH_NAME}"));
        assert_eq!(AUTHORITY, format!("{DIRECTORY}/{AUTHORITY_NAME}.crt"));
        assert_eq!(NOTICE, format!("{DIRECTORY}/{NOTICE_NAME}"));
        assert_eq!(GH_DIRECTORY, format!("{DIRECTORY}/{GH_NAME}"));
    }

    #[test]
    fn where_there_is_no_socket_nothing_is_heard_and_nothing_waited_for() {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &format!("{} || echo none", hear(REFUSED))]).stdin(Stdio::null());
        let out = shell.output().unwrap();
        assert_eq!((out.stdout, out.stderr), (b"none\n".to_vec(), Vec::new()));
    }

    #[test]
    fn a_turn_that_nobody_hears_of_is_no_failure_and_prints_nothing() {
        for path in ["/usr/bin:/bin", "/nonexistent"] {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", &tell(TURN_END)]).env("PATH", path).stdin(Stdio::null());
            let out = shell.output().unwrap();
            assert!(out.status.success() && out.stdout.is_empty() && out.stderr.is_empty(), "{out:?}");
        }
    }
}
