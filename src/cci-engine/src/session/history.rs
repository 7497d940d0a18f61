//! Conversations of the agent on the host in sessions, and those of sessions there (`workspace.share_history`).

use std::path::Path;

use cci_core::session::{Resume, SessionId};
use cci_core::{Error, Result};
use cci_host::store::guest_dir::GuestDir;
use cci_host::store::history::{self, Left, Shared};

use crate::blocking::blocking;
use crate::context::Context;
use crate::event::SessionEvent;
use crate::launch;
use crate::site::host_path;

/// Refuses settings by which conversations of the host and of sessions would be about different paths.
pub(super) fn check(cx: &Context) -> Result<()> {
    let workspace = &cx.settings.workspace;
    if !workspace.share_history || workspace.same_path {
        return Ok(());
    }
    Err(Error::Config {
        problem: "`workspace.share_history` needs `workspace.same_path`: the host's conversations are about its path"
            .into(),
        hint: Some("set `same_path = true` below `[workspace]` too".into()),
    })
}

/// What a session shares with the agent on the host.
pub(super) struct WithHost(Option<Shared>);

/// The same for a workspace, by its path without links; why nothing is shared is reported.
pub(super) fn shared(cx: &Context, workspace: &Path) -> WithHost {
    if !cx.settings.workspace.share_history {
        return WithHost(None);
    }
    let agent = cx.settings.tool.agent();
    match Shared::of(agent, &cx.caller.place_of(agent), workspace) {
        Ok(shared) => WithHost(Some(shared)),
        Err(why) => {
            cx.emit(SessionEvent::HistoryNotShared(why));
            WithHost(None)
        }
    }
}

impl WithHost {
    /// Brings the host's conversations into a session; returns what was not brought.
    pub(super) fn bring(&self, session: &Path, state: &GuestDir, id: SessionId) -> Result<Vec<Left>> {
        match &self.0 {
            Some(shared) => history::bring(shared, session, state, &id.to_string()),
            None => history::stop(session).map(|()| Vec::new()),
        }
    }
}

/// Reports what was not brought; an error if the session was to go on with one of these.
pub(super) fn tell_left(cx: &Context, left: Vec<Left>, continued: Option<SessionId>) -> Result<()> {
    let is_wanted = |one: &&Left| continued.is_some_and(|id| id.to_string() == one.id);
    if let Some(Left { id, why }) = left.iter().find(is_wanted) {
        let problem = format!("the host's conversation {id} cannot be resumed in a session: {why}");
        return Err(Error::Config { problem, hint: None });
    }
    if !left.is_empty() {
        cx.emit(SessionEvent::HistoryLeft(left));
    }
    Ok(())
}

/// The conversation of the host's that is to be resumed: no session has its id, and it is about this workspace.
pub(super) async fn continued(cx: &Context, resume: &Resume) -> Result<Option<SessionId>> {
    let Resume::Exactly(raw) = resume else { return Ok(None) };
    let Some(id) = raw.parse::<SessionId>().ok().filter(|_| cx.settings.workspace.share_history) else {
        return Ok(None);
    };
    let workspace = host_path::real_workspace(cx).await?;
    let (store, agent) = (launch::store(cx), cx.settings.tool.agent());
    let Ok(shared) = Shared::of(agent, &cx.caller.place_of(agent), &workspace) else { return Ok(None) };
    let is_there = blocking(move || Ok(store.read(id)?.is_none() && shared.has(&id.to_string()))).await?;
    if is_there {
        cx.emit(SessionEvent::Resuming(id));
    }
    Ok(is_there.then_some(id))
}

/// Gives the agent on the host what was said in a session that was left or stopped, if the session shares that.
pub(crate) async fn take(cx: &Context, session: SessionId) {
    let dir = launch::store(cx).dir(session);
    let Ok(taken) = blocking(move || Ok(history::take(&dir, None))).await else { return };
    if !taken.taken.is_empty() {
        cx.emit(SessionEvent::HistoryTaken(taken.taken.len()));
    }
    if !taken.left.is_empty() {
        cx.emit(SessionEvent::HistoryLeft(taken.left));
    }
}
