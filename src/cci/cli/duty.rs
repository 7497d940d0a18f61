//! What the supervisor does for sessions: checkpoints, by the engine, with the settings that the session was launched with.

use std::sync::Arc;

use cci_core::checkpoint::{Cause, Node, Reference};
use cci_core::name::{ContainerName, Prefix};
use cci_core::session::SessionId;
use cci_core::slot::SlotChoice;
use cci_core::{Error, Result};
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::context::{Asked, context_of};
use super::told_once::{Told, ToldOnce};
use crate::supervisor::{Duty, Moment, Of, Over, Taken};
use crate::ui::terminal::Terminal;
use cci_engine::checkpoint::rewind::Rewound;
use cci_engine::checkpoint::wanted::Wanted;
use cci_engine::checkpoint::{log, rewind, take};
use cci_engine::context::Context;
use cci_engine::launch::environment;
use cci_engine::ledger::{Ledger, Server};
use cci_engine::roll_back;
use cci_engine::scope::Scope;
use cci_engine::session::connect::TOKEN_URL;
use cci_engine::session::tmux::{self, Input};
use cci_engine::worktree::{self, Outcome};
use cci_host::caller::Caller;
use cci_host::settings::{Overrides, Trust};
use cci_host::store::checkpoints::Part;
use cci_incus::Client;

/// How many checkpoints an agent is told of.
const LISTED: usize = 100;

/// Checkpoints by the engine.
pub(crate) struct Checkpoints {
    /// Where warnings go: the supervisor's log.
    pub(crate) terminal: Arc<Terminal>,
    /// Who runs the supervisor.
    pub(crate) caller: Caller,
    /// What need not be told again.
    pub(crate) told: Told,
}

impl Checkpoints {
    /// The context of a call, as a command in the session's workspace has it.
    fn context(&self, of: &Of, trust: Trust, stop: CancellationToken) -> Result<(Context, SlotChoice)> {
        let watched = &of.watched;
        let mut caller = self.caller.clone();
        if let Some(dir) = watched.sessions_dir.as_ref().and_then(|dir| dir.to_str()) {
            caller.environment.insert("CCI_SESSIONS_DIR".into(), dir.to_owned());
        }
        if let (Some(note), Some(login)) = (&watched.login, cci_agent::agent(&watched.tool).login()) {
            let directory = note.directory.to_string_lossy().into_owned();
            let (api, renewed_at) = (note.api.clone(), note.renewed_at.clone());
            let places = [(login.api().0, api), (TOKEN_URL, renewed_at), (login.place_variable(), directory)];
            caller.environment.extend(places.map(|(name, value)| (name.to_owned(), value)));
        }
        let overrides = Overrides { profile: watched.profile.clone(), ..Overrides::default() };
        let asked = Asked { workspace: watched.workspace.clone(), overrides, ..Asked::default() };
        let mut cx = context_of(caller, &asked, &self.terminal, trust, stop.clone())?;
        cx.reporter = Arc::new(ToldOnce { to: cx.reporter, told: Arc::clone(&self.told) });
        cx.client = Client::unix(&watched.endpoint).in_project(&watched.project);
        cx.prefix = Prefix::parse(&watched.prefix).map_err(|error| Error::Internal(error.to_string()))?;
        cx.settings.tool.name.clone_from(&watched.tool);
        cx.settings.checkpoints = watched.checkpoints.clone();
        let server = Server { endpoint: watched.endpoint.clone(), project: watched.project.clone() };
        cx.scope = Scope::new(stop, Ledger::new(cx.cci_dir().join("unfinished"), server));
        let slot = ContainerName::parse(&cx.prefix, &of.container).ok().map(|name| name.slot());
        Ok((cx, slot.map_or(SlotChoice::Auto, SlotChoice::Exactly)))
    }
}

/// An agent rewinds itself and no other session of its workspace.
fn refuse_another_sessions(to: &Node, own: SessionId) -> Result<()> {
    if to.session == Some(own) {
        return Ok(());
    }
    Err(Error::Usage {
        problem: format!("checkpoint {} does not belong to this session", to.id),
        hint: Some(format!("only the person can go there, with `cci rewind {}`", to.id)),
    })
}

/// What an agent that has rewound itself is told.
fn word(rewound: &Rewound) -> String {
    let parts = rewound.parts.iter().map(|part| match part {
        Part::Workspace => "the files",
        Part::Container => "the container",
        Part::Conversation => "this conversation",
    });
    let parts = parts.collect::<Vec<_>>().join(" and ");
    format!(
        "You rewound this session to checkpoint {}. As they were then: {parts}. What was there before is checkpoint {}. \
         Go on from here, another way.",
        rewound.to, rewound.from
    )
}

/// What of a session's commits was not taken.
fn refused((branch, outcome): &(String, Outcome)) -> Option<String> {
    match outcome {
        Outcome::Refused(why) => Some(format!("commits of branch {branch} are not taken: {why}")),
        _ => None,
    }
}

impl Duty for Checkpoints {
    fn take(&self, of: Of, at: Moment, over: Over, stop: CancellationToken) -> LocalBoxFuture<'static, Result<Taken>> {
        let (context, terminal) = (self.context(&of, Trust::SetAside, stop), Arc::clone(&self.terminal));
        Box::pin(async move {
            let (cx, slot) = context?;
            // a commit is for the host to see even if the checkpoint fails
            if at.cause == Cause::TurnEnd {
                match worktree::bring_back(&cx).await {
                    Ok(brought) => brought.iter().filter_map(refused).for_each(|text| terminal.warn(&text)),
                    Err(error) => terminal.warn(&format!("cannot bring commits to their repository: {error}")),
                }
            }
            let wanted = Wanted { cause: at.cause, message: at.message, prompt: at.prompt };
            let taken = roll_back::on_failure(&cx, take::take(&cx, slot, &wanted, Some(over))).await?;
            Ok(if taken.is_new { Taken::New(taken.node.id) } else { Taken::Unchanged(taken.node.id) })
        })
    }

    fn log(&self, of: Of) -> LocalBoxFuture<'static, Result<Value>> {
        let context = self.context(&of, Trust::SetAside, CancellationToken::new());
        let own = of.watched.session.to_string();
        Box::pin(async move {
            let (cx, slot) = context?;
            let mut checkpoints = log::log(&cx, slot, false).await?;
            checkpoints.retain(|one| one.session_id == own);
            checkpoints.truncate(LISTED);
            Ok(json!({ "checkpoints": checkpoints }))
        })
    }

    fn rewind(
        &self,
        of: Of,
        to: Reference,
        begun: oneshot::Sender<()>,
        stop: CancellationToken,
    ) -> LocalBoxFuture<'static, Result<Value>> {
        let (context, own) = (self.context(&of, Trust::Judged, stop), of.watched.session);
        Box::pin(async move {
            let (cx, slot) = context?;
            let cx = environment::resolved(&cx).await?;
            let to = match to {
                Reference::Id(digits) => digits,
                Reference::Back(steps) => format!("~{steps}"),
            };
            let rewinding = async {
                let planned = rewind::plan(&cx, &to, slot, &[]).await?;
                refuse_another_sessions(&planned.to, own)?;
                // whoever asked may have gone
                let _ = begun.send(());
                rewind::rewind(&cx, &planned, slot).await
            };
            let rewound = roll_back::on_failure(&cx, rewinding).await?;
            if let Some((container, _)) = &rewound.running {
                // nobody else tells it: its conversation ends before it asked
                let input = Input::Text { text: word(&rewound).into_bytes(), enter: true };
                tmux::send(&cx, container, &input, false).await?;
            }
            Ok(json!({ "to": rewound.to.to_string(), "from": rewound.from.to_string() }))
        })
    }
}
