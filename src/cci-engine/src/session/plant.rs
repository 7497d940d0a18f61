//! Fills the directory of a session with what the agent needs of the host, and reports what stays behind.

use std::mem::discriminant;
use std::path::{Path, PathBuf};

use cci_agent::{Omission, TurnHooks};
use cci_core::Result;
use cci_core::environment::HostLocale;
use cci_core::idmap::Ids;
use cci_core::session::SessionId;
use cci_guest::layout::{HOME, WORKSPACE};

use crate::context::Context;
use crate::event::SessionEvent;
use crate::launch;
use crate::ledger::Made;
use crate::session::history;
use crate::session::login::Way;
use crate::session::secrets::Granted;
use crate::site::host_path;
use cci_host::git;
use cci_host::store::noted;
use cci_host::store::seed::Seed;

/// What a session's directory depends on besides the settings.
pub(super) struct Planting<'a> {
    /// What the agent runs of cci's at its turns.
    pub(super) turns: TurnHooks,
    /// How it is let in.
    pub(super) way: &'a Way,
    /// What it finds in its environment of the caller's secrets.
    pub(super) granted: &'a Granted,
    /// Whether a login that the session has is dropped first.
    pub(super) is_fresh: bool,
    /// Whether it goes on with a conversation of the host's, which has its id.
    pub(super) continues: bool,
}

/// The directory of a new conversation, which is removed if the launch fails.
pub(super) async fn plant_new(cx: &Context, id: SessionId, owner: Ids, wanted: Planting<'_>) -> Result<()> {
    let dir = launch::store(cx).dir(id);
    // another launch may go on with the same conversation of the host's
    if !(wanted.continues && dir.exists()) {
        cx.scope.ledger.push(Made::SessionDir(dir));
    }
    plant(cx, id, owner, wanted).await
}

/// Creates the session's directory and puts what the agent needs into it.
pub(super) async fn plant(cx: &Context, id: SessionId, owner: Ids, wanted: Planting<'_>) -> Result<()> {
    let Planting { turns, way, granted, is_fresh, continues } = wanted;
    let (store, caller) = (launch::store(cx), cx.caller.clone());
    let workspace = host_path::real_workspace(cx).await?;
    let (from_host, secrets) = (cx.settings.defaults.agent_config, cx.settings.defaults.settings_secrets);
    let (agent, import) = (cx.settings.tool.agent(), cx.settings.tool.import.clone());
    let mut environment =
        cci_core::environment::environment(agent, &HostLocale::default(), &cx.settings.environment(), &cx.environment);
    let granted = granted.environment.clone();
    let own =
        |name: &str| environment.remove(name).or_else(|| granted.get(name).or(way.environment.get(name)).cloned());
    let api_key = agent.api_key_variable().and_then(own);
    let login = way.given(is_fresh);
    let (mounted, protected) = (mounted(cx, &workspace), host_path::protected(&cx.settings, &cx.caller));
    let (cci_dir, same_path) = (cx.cci_dir(), cx.settings.workspace.same_path);
    let shared = history::shared(cx, &workspace);
    let planted = cx
        .scope
        .writing(move || {
            let state = store.create(id, owner)?;
            let noted = noted::PLACES.read(&cci_dir)?.into_iter().map(PathBuf::from);
            let written = mounted.iter().map(|(place, _)| host_path::real(place)).chain(noted).collect();
            let seed = Seed {
                agent,
                place: caller.place_of(agent),
                search: caller.var("PATH"),
                from_host,
                import: &import,
                login,
                secrets,
                api_key: api_key.as_deref(),
                at_host_path: same_path || git::is_elsewhere(&workspace),
                workspace: &workspace,
                protected,
                mounted,
                written,
                turns,
                state: cci_core::environment::state(agent),
                guest_home: HOME,
            };
            let planted = seed.plant(&state, &store.dir(id))?;
            Ok((planted, shared.bring(&store.dir(id), &state, id)?))
        })
        .await?;
    let (planted, left) = planted;
    history::tell_left(cx, left, continues.then_some(id))?;
    for secrets in planted.secrets {
        cx.emit(SessionEvent::SecretsInSettings(secrets));
    }
    if !planted.asks_about.is_empty() {
        cx.emit(SessionEvent::AgentAsksAbout { files: planted.asks_about });
    }
    report_omitted(cx, planted.omitted);
    Ok(())
}

/// Reports what the session does not get as it is on the host, kind by kind.
fn report_omitted(cx: &Context, mut omitted: Vec<Omission>) {
    while let Some(first) = omitted.first() {
        let kind = discriminant(first);
        let (of_kind, others) = omitted.into_iter().partition(|one| discriminant(one) == kind);
        cx.emit(SessionEvent::Omitted(of_kind));
        omitted = others;
    }
}

/// Which paths of the host are in the container, and where.
fn mounted(cx: &Context, workspace: &Path) -> Vec<(PathBuf, String)> {
    let workspaces = [cx.workspace.path(), workspace].map(|path| (path.to_owned(), WORKSPACE.to_owned()));
    let mounts = cx.settings.mounts.default.iter();
    let mounts = mounts.map(|(inside, entry)| (cx.workspace.path().join(&entry.host), inside.clone()));
    let at_home = cx.settings.workspace.same_path.then(|| (workspace.to_owned(), workspace.to_string_lossy().into()));
    workspaces.into_iter().chain(mounts).chain(at_home).collect()
}
