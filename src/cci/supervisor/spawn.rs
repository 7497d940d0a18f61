//! Starts a supervisor that lives on without the command that started it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use cci_host::caller::Caller;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::log;
use super::place::Place;

/// What it prints when somebody listens.
pub(super) const READY: &str = "ready";
/// How long it may take until then.
const PATIENCE: Duration = Duration::from_secs(2);
/// What of the environment it gets: where things are, and nothing secret.
const KEPT: [&str; 24] = [
    "HOME",
    "PATH",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "INCUS_SOCKET",
    "INCUS_DIR",
    "INCUS_PROJECT",
    "CCI_CONFIG",
    "CCI_SESSIONS_DIR",
    "CCI_CONTAINER_PREFIX",
    "CCI_LOG",
    "CCI_TOKEN_URL",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// The first descriptor that is none of the three of every command.
const FIRST_OF_OTHERS: i32 = 3;

/// A supervisor that is starting.
pub(super) struct Starting(Child);

/// Starts one. If there is one already, this one ends at once.
pub(super) fn begin(place: &Place, caller: &Caller) -> io::Result<Starting> {
    // it lives longer than whoever opened what this command has inherited: a lock, a pipe that somebody reads to its end
    close_fds::set_fds_cloexec(FIRST_OF_OTHERS, &[]);
    let errors = log::for_a_panic(&place.log()).map_or_else(Stdio::null, Stdio::from);
    let child = Command::new(program())
        .arg0("cci")
        .args(["supervisor", "run"])
        .env_clear()
        .envs(environment(caller))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(errors)
        .spawn()?;
    Ok(Starting(child))
}

/// What of the caller's environment it gets.
fn environment(caller: &Caller) -> impl Iterator<Item = (&'static str, PathBuf)> {
    let of_agents = cci_agent::agents().flat_map(|agent| {
        let of_login = agent.login().map(|login| [login.place_variable(), login.api().0]);
        agent.place_variable().into_iter().chain(of_login.into_iter().flatten())
    });
    KEPT.iter().copied().chain(of_agents).filter_map(|name| Some((name, caller.place(name)?)))
}

impl Starting {
    /// Waits until it listens, or the one that was there before does.
    pub(super) async fn ready(mut self) -> io::Result<()> {
        let output = self.0.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut line = String::new();
        timeout(PATIENCE, BufReader::new(output).read_line(&mut line)).await??;
        if line.trim() == READY { Ok(()) } else { Err(io::Error::other("it ended before it was ready")) }
    }
}

/// This program, also where its file was replaced meanwhile.
fn program() -> PathBuf {
    std::env::current_exe().ok().filter(|path| path.exists()).unwrap_or_else(|| Path::new("/proc/self/exe").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gets_the_ways_outwards_and_nothing_secret() {
        let mut caller = Caller::of_this_process().unwrap();
        for name in ["ALL_PROXY", "https_proxy", "SSL_CERT_DIR", "CCI_TOKEN_URL", "ANTHROPIC_API_KEY", "GH_TOKEN"] {
            caller.environment.insert(name.to_owned(), "/x".to_owned());
        }
        let names: Vec<&str> = environment(&caller).map(|(name, _)| name).collect();
        for name in ["ALL_PROXY", "https_proxy", "SSL_CERT_DIR", "CCI_TOKEN_URL"] {
            assert!(names.contains(&name), "{name}: {names:?}");
        }
        assert!(!names.iter().any(|name| name.contains("KEY") || name.contains("TOKEN") && *name != "CCI_TOKEN_URL"));
    }
}
