//! Has a supervisor where one is needed: for a launch, for what runs when a command is called, while a session is attached.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::time::Duration;

use cci_core::network::Allowance;
use cci_core::session::SessionId;
use cci_core::{Error, Result};
use cci_engine::blocking::blocking;
use cci_engine::context::Context;
use cci_engine::event::{SessionEvent, Unwatched};
use cci_engine::session::connect;
use cci_engine::supervision::Supervision;
use cci_host::caller::Caller;
use futures_util::future::LocalBoxFuture;
use tokio::time::sleep;

use super::ask::{Ask, FINISHES, is_wanted_again, stop};
use super::build::Build;
use super::egress::Asked;
use super::place::Place;
use super::spawn;

/// How often one that ends again and again is started for an attached session.
const TRIES: u32 = 5;
/// How long to wait before the first of these.
const AGAIN: Duration = Duration::from_millis(200);

/// At the end of any command: starts one if sessions are to be watched and nobody answers, and has the one that is there
/// hear of what the command has noted. A failure is only logged, because the command has done its own work.
pub(crate) async fn on_occasion(cx: &Context) {
    let place = Place::of(&cx.cci_dir());
    let asked = place.clone();
    let needed = blocking(move || Ok(asked.sessions().has_watched() && !asked.unwanted().exists())).await;
    if !matches!(needed, Ok(true)) || Ask(&place).look().await.is_ok() {
        return;
    }
    if let Err(error) = spawn::begin(&place, &cx.caller) {
        tracing::warn!(%error, "the supervisor was not started");
    }
}

/// Has one while a launch does its work, if the launch needs it: of this build, unless a newer one is there. Returns
/// whether that is so, or need not be.
pub(crate) async fn for_launch(cx: &Context, debug: bool) -> bool {
    // where there is no way, the launch says why
    let is_let_in = async || connect::way(cx).await.is_ok_and(|way| way.needs_supervisor());
    let is_wanted = connect::is_wanted(&cx.settings, debug) || judges_names(cx) || cx.settings.ssh.agent;
    if !is_wanted && !connect::has_secrets(cx).await && !is_let_in().await {
        return true;
    }
    started(cx).await
}

/// The same for what has no conversation: it needs one only where connections are judged by name.
pub(crate) async fn for_names(cx: &Context) {
    if judges_names(cx) {
        started(cx).await;
    }
}

fn judges_names(cx: &Context) -> bool {
    // where the settings are no policy, the launch says why
    cx.policy().is_ok_and(|policy| policy.is_some_and(|policy| policy.is_named()))
}

async fn started(cx: &Context) -> bool {
    let place = Place::of(&cx.cci_dir());
    is_wanted_again(&place);
    tokio::select! {
        current = current(&place, &cx.caller) => match current {
            Ok(()) => true,
            Err(error) => {
                // the launch says it, if the session needs it in the end
                tracing::warn!(%error, "the supervisor was not started");
                false
            }
        },
        () = cx.scope.cancelled() => false,
    }
}

/// The supervisor of a caller, as the use-cases have to do with it.
pub(crate) struct Own {
    pub(crate) caller: Caller,
}

impl Supervision for Own {
    fn serves(&self, session: SessionId) -> LocalBoxFuture<'_, io::Result<()>> {
        Box::pin(async move {
            let place = Place::of(&self.caller.cci_dir());
            is_wanted_again(&place);
            current(&place, &self.caller).await?;
            let status = if let Ok(status) = Ask(&place).look().await {
                status
            } else {
                // it has ended at this very moment
                spawn::begin(&place, &self.caller)?.ready().await?;
                Ask(&place).look().await?
            };
            let session = session.to_string();
            match status.sessions.into_iter().find(|watched| watched.session == session) {
                Some(watched) => watched.closed.map_or(Ok(()), |why| Err(io::Error::other(why))),
                None => Err(io::Error::other("the supervisor does not know of it")),
            }
        })
    }

    fn allow(&self, session: SessionId, allowance: Allowance) -> LocalBoxFuture<'_, io::Result<()>> {
        Box::pin(async move {
            self.serves(session).await?;
            Ask(&Place::of(&self.caller.cci_dir())).allow(&Asked { session, allowance }).await
        })
    }
}

/// One that is no older than this program.
async fn current(place: &Place, caller: &Caller) -> io::Result<()> {
    match Ask(place).build().await {
        Ok(there) if !Build::own().is_newer_than(&there) => Ok(()),
        _ => spawn::begin(place, caller)?.ready().await,
    }
}

/// Has the supervisor watch a session that has just been started; says so if it cannot. It is not started again where
/// that has just failed.
pub(crate) async fn watched(cx: &Context, was_there: bool, has_login: bool) {
    let place = Place::of(&cx.cci_dir());
    let mut looked = Ask(&place).look().await.map(drop);
    if looked.is_err() && was_there {
        // it has ended at this very moment
        looked = async {
            spawn::begin(&place, &cx.caller)?.ready().await?;
            Ask(&place).look().await.map(drop)
        }
        .await;
    }
    if let Err(error) = looked {
        let why = format!("the supervisor does not answer: {error}");
        cx.emit(if has_login { SessionEvent::NotLetIn(why) } else { SessionEvent::NotWatched(Unwatched::Failed(why)) });
    }
}

/// Does what starts sessions, beside a start of the supervisor, which then watches them: an agent whose login stays on the
/// host is let in from its first request on.
pub(crate) async fn beside<T>(
    cx: &Context,
    starting: impl Future<Output = Result<T>>,
    sessions: impl FnOnce(&T) -> Vec<SessionId>,
) -> Result<T> {
    let (done, is_there) = tokio::join!(starting, for_launch(cx, false));
    let done = done?;
    let (run, started) = (Place::of(&cx.cci_dir()).sessions().clone(), sessions(&done));
    let noted = blocking(move || Ok(started.into_iter().filter_map(|session| run.noted(session)).collect::<Vec<_>>()));
    let noted = noted.await?;
    if !noted.is_empty() {
        watched(cx, is_there, noted.iter().any(|noted| noted.login.is_some())).await;
    }
    Ok(done)
}

/// Starts it again while a session is attached, whenever it was killed; nothing is written to the terminal.
pub(crate) async fn keep(cx: &Context) -> Infallible {
    let place = Place::of(&cx.cci_dir());
    let mut tries = 0;
    while place.sessions().has_watched() && !place.unwanted().exists() && tries < TRIES {
        if Ask(&place).end().await.is_ok() {
            // its successor needs a moment; one that the person has stopped has none
            sleep(AGAIN).await;
            continue;
        }
        sleep(AGAIN * tries).await;
        tries += 1;
        if let Ok(starting) = spawn::begin(&place, &cx.caller)
            && let Err(error) = starting.ready().await
        {
            tracing::warn!(%error, "the supervisor was not started");
        }
    }
    pending().await
}

/// Ends the one that is there, and starts one if any session is to be watched; returns whether one runs.
pub(crate) async fn restart(place: &Place, caller: &Caller) -> Result<bool> {
    stop(place).await?;
    is_wanted_again(place);
    if !place.sessions().has_watched() {
        return Ok(false);
    }
    let failed = |source| Error::Host { step: "start", path: "the supervisor".into(), source };
    spawn::begin(place, caller).map_err(failed)?.ready().await.map_err(failed)?;
    Ok(true)
}

/// How long a newer one waits for the older one's end.
pub(super) const HANDS_OVER: Duration = FINISHES;
