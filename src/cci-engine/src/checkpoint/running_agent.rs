//! The agent that runs in a container: what it was started with, and its end.

use std::collections::BTreeMap;
use std::time::Duration;

use cci_core::Result;
use cci_core::account::AccountName;
use cci_core::session::SessionId;
use cci_guest::restart;
use cci_host::store::run_dir::RunDir;
use cci_incus::Exec;

use super::subject::Subject;
use crate::blocking::blocking;
use crate::context::Context;
use crate::event::CheckpointEvent;
use crate::incus_error::DuringStep;

/// How long tmux may take to answer.
const LIMIT: Duration = Duration::from_secs(20);

/// The variables that the agent was given on the command line when it was started: nothing else remembers them.
///
/// They come out of the container and go back into one of the same session, and nowhere else. The container cannot have
/// its agent let in by others than the command line named: it would get a login by that which it has not. One that hangs keeps
/// nobody from ending it: then it is told that they are lost.
pub(crate) async fn environment(cx: &Context, subject: &Subject) -> Result<BTreeMap<String, String>> {
    let running = subject.container.as_ref().filter(|owned| owned.runs() && was_given(subject));
    match running {
        Some(owned) => Ok(allowed(cx, subject, told(cx, &owned.instance.name).await?)),
        None => Ok(BTreeMap::new()),
    }
}

/// Whether the command line may have given the agent of a session any: one of an earlier version has noted nothing.
pub(crate) fn was_given(subject: &Subject) -> bool {
    let noted = subject.session.as_ref().and_then(|saved| saved.metadata.further().given);
    noted.is_none_or(|names| !names.is_empty())
}

/// What a running container says that its agent was given.
pub(crate) async fn told(cx: &Context, container: &str) -> Result<BTreeMap<String, String>> {
    let user = cx.settings.incus.agent_uid;
    let exec = Exec { command: restart::print_given(), user: Some(user), group: Some(user), ..Exec::default() };
    let asked = async { Ok(cx.client.exec_captured(container, &exec, &[], LIMIT).await) };
    match cx.scope.until_cancelled(asked).await?.during("ask for the agent's environment") {
        Ok(done) if done.status == 0 => Ok(restart::given_variables(&done.stdout)),
        Ok(_) => Ok(BTreeMap::new()),
        Err(error) => {
            cx.emit(CheckpointEvent::NotTold { container: container.to_owned(), error });
            Ok(BTreeMap::new())
        }
    }
}

/// What of that goes back into a container of the session.
pub(crate) fn allowed(
    cx: &Context,
    subject: &Subject,
    mut given: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let Some(login) = cx.settings.tool.agent().login() else { return given };
    // a session of an earlier version has noted nothing
    let Some(named) = subject.session.as_ref().map_or(Some(Vec::new()), |saved| saved.metadata.further().given) else {
        return given;
    };
    given.retain(|name, _| named.contains(name) || !login.variables().contains(&name.as_str()));
    given
}

/// The account that the agent of a session was started with, whatever is in use now; none where nothing is noted of it.
pub(crate) async fn account(cx: &Context, session: Option<SessionId>) -> Option<AccountName> {
    let run = RunDir::of(&cx.cci_dir());
    let noted = blocking(move || Ok(session.and_then(|session| run.noted(session)))).await.ok().flatten()?;
    Some(noted.login.and_then(|note| note.account).unwrap_or_else(AccountName::host))
}

/// Ends the agent and its tmux session; whoever is attached to it is detached.
pub(crate) async fn end(cx: &Context, name: &str) -> Result<()> {
    let user = cx.settings.incus.agent_uid;
    let exec = Exec { command: restart::end_agent(), user: Some(user), group: Some(user), ..Exec::default() };
    cx.client.exec_detached(name, &exec, LIMIT).await.during("end the agent").map(drop)
}
