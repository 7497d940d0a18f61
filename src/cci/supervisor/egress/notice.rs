//! One line for the status bar of a session's tmux, which reads it from a file beside the session's sockets.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use cci_engine::blocking::blocking;
use cci_host::store::run_dir::{RunDir, Watched};
use cci_proxy::egress::Refusal;
use tokio::sync::watch;
use tokio::time::sleep;

/// How long a line stays.
const STAYS: Duration = Duration::from_secs(60);
/// How soon it is followed by another one.
const EACH: Duration = Duration::from_secs(1);

/// What the session's person is to see.
#[derive(Debug, Clone)]
pub(super) enum Notice {
    /// This did not get through.
    Refused(Refusal),
    /// The agent asks for this.
    Asked(String),
}

impl Notice {
    /// In words, without anything that tmux would read as a format. The container can read it too.
    fn line(&self, container: &str, withholds: bool) -> String {
        match self {
            Self::Refused(refusal) => match refusal.allowable() {
                Some(host) => format!("refused {host}: cci network allow {container} {host}"),
                None if withholds => format!("refused: {}", refusal.without_local().told()),
                None => format!("refused: {}", refusal.told()),
            },
            Self::Asked(entry) => format!("the agent asks for {entry}: cci network allow {container} {entry}"),
        }
    }
}

/// Puts each line there, and takes the last one away after a while. What cannot be written stops nothing.
pub(super) async fn show(run: RunDir, watched: Watched, mut notices: watch::Receiver<Option<Notice>>) -> Infallible {
    let (container, withholds) =
        watched.egress.as_ref().map(|note| (note.container.clone(), note.withholds_local)).unwrap_or_default();
    // what an earlier supervisor has left
    put(&run, &watched, String::new()).await;
    let mut is_shown = false;
    loop {
        let over = async { if is_shown { sleep(STAYS).await } else { pending().await } };
        tokio::select! {
            Ok(()) = notices.changed() => {
                let line = notices.borrow_and_update().as_ref().map(|notice| notice.line(&container, withholds));
                is_shown = line.is_some();
                put(&run, &watched, line.unwrap_or_default()).await;
                sleep(EACH).await;
            }
            () = over => {
                put(&run, &watched, String::new()).await;
                is_shown = false;
            }
        }
    }
}

async fn put(run: &RunDir, watched: &Watched, line: String) {
    let (run, session, owner) = (run.clone(), watched.session, watched.owner);
    let _ = blocking(move || Ok(run.put_notice(session, owner, &line))).await;
}

#[cfg(test)]
mod tests {
    use cci_core::network::{HostName, Special};

    use super::*;

    #[test]
    fn a_line_has_the_command_that_helps() {
        let name = HostName::typed("a.example").unwrap();
        let line = |refusal| Notice::Refused(refusal).line("cci-0a-1", false);
        let command = "refused a.example:443: cci network allow cci-0a-1 a.example:443";
        assert_eq!(line(Refusal::NotListed { name: name.clone(), port: 443 }), command);
        assert_eq!(line(Refusal::NotFound { name }), "refused: a.example has no address");
        assert!(!line(Refusal::Address).contains('#'));
        // the container reads it too
        let name = HostName::typed("a.example").unwrap();
        let near = Refusal::Special { name, address: "10.0.0.1".parse().unwrap(), why: Special::Private };
        assert_eq!(line(near.clone()), "refused: a.example leads to an address of the local network");
        assert_eq!(Notice::Refused(near).line("cci-0a-1", true), "refused: a.example has no address");
    }
}
