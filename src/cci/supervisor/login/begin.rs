//! What is done for a session's login as long as it is watched.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use cci_agent::Login;
use cci_core::settings::LoginMode;
use cci_guest::agent_socket::LOGIN_NAME;
use cci_host::store::run_dir::{RunDir, Watched};
use rustix::process::{Resource, getrlimit};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::account::Account;
use super::logins::Logins;
use super::pace::Pace;
use super::pass::{Entry, Passage};
use super::provider::Opened;
use super::reserve::Reserve;
use super::tally::Tally;
use crate::supervisor::door;
use crate::supervisor::http::{Limits, serve};

/// How long a connection of a guest's lives, and the longest head of a request. One request a connection: nothing is
/// behind it that another reads otherwise.
const LIVES: Duration = Duration::from_secs(3600);
const LONGEST_HEAD: usize = 256 * 1024;
/// How many connections a guest may have at once, at most and at least.
const CONNECTIONS: (u64, u64) = (256, 16);
/// For how many sessions with all their connections there are to be files.
const SESSIONS: u64 = 32;
/// How often it is looked whether a token in a container is still the newest.
const LOOKS: Duration = Duration::from_secs(2);

/// Begins it, in tasks that end with the session.
pub(in crate::supervisor) fn begin(
    run: &RunDir,
    watched: &Watched,
    logins: &Logins,
    tasks: &mut JoinSet<()>,
) -> io::Result<()> {
    let agent = cci_agent::agent(&watched.tool);
    let (Some(note), Some(login)) = (&watched.login, agent.login()) else { return Ok(()) };
    let account = || logins.account(agent, login, note);
    match note.mode {
        LoginMode::Socket => {
            let session = watched.state.parent().unwrap_or(&watched.state).to_owned();
            let http = logins.http()?;
            let entry = match &note.provided {
                None => Entry::Account(account()),
                Some(provided) => Entry::Provider(Box::new(Opened::of(provided, note, http.clone()))),
            };
            let passage = Rc::new(Passage {
                login,
                note: note.clone(),
                entry,
                http,
                tally: Tally::of(session, logins.work.clone()),
                pace: RefCell::new(Pace::default()),
                reserve: Reserve::of(note.max_tokens),
            });
            let limits = Limits {
                connections: share(getrlimit(Resource::Nofile).current),
                lives: Some(LIVES),
                head: LONGEST_HEAD,
            };
            let served = move |listener| {
                let passage = Rc::clone(&passage);
                serve(listener, limits, move |request| Rc::clone(&passage).respond(request))
            };
            door::keep(run, watched, LOGIN_NAME, served, tasks)?;
        }
        LoginMode::Token => {
            let (account, run, watched) = (account(), run.clone(), watched.clone());
            tasks.spawn_local(async move { match hand_in(&run, &watched, login, &account).await {} });
        }
        LoginMode::Copy => {}
    }
    Ok(())
}

/// How many connections a session may have where the process may have so many files: each is two, and none are taken from
/// the other sessions.
fn share(files: Option<u64>) -> usize {
    let (most, least) = CONNECTIONS;
    let share = files.map_or(most, |files| (files / (2 * SESSIONS)).clamp(least, most));
    usize::try_from(share).unwrap_or(usize::MAX)
}

/// Keeps the newest access token, and nothing else of the login, in the container.
async fn hand_in(run: &RunDir, watched: &Watched, login: &'static dyn Login, account: &Rc<Account>) -> Infallible {
    let mut given = String::new();
    loop {
        if let Ok(held) = account.held().await
            && held.credentials.access != given
        {
            let (run, session, owner) = (run.clone(), watched.session, watched.owner);
            let content = login.access_only(&held.content).to_string();
            let put = move || run.put_login(session, owner, login.file(), content.as_bytes());
            if matches!(tokio::task::spawn_blocking(put).await, Ok(Ok(()))) {
                given = held.credentials.access;
            }
        }
        sleep(LOOKS).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_takes_no_more_files_than_its_share() {
        assert_eq!([None, Some(1 << 20), Some(4096), Some(256)].map(share), [256, 256, 64, 16]);
    }
}
