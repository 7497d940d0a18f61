//! How a session's agent is let in by its API: without a login in the container, if that can be.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cci_agent::{Agent, Import, Login, Part, Pass, Provided, agent, json};
use cci_core::account::AccountName;
use cci_core::session::SessionId;
use cci_core::settings::{LoginMode, Settings, SettingsSecrets, Variable};
use cci_core::{Error, Result};
use cci_guest::agent_socket::{LOGIN_DIRECTORY, LOGIN_SOCKET};
use cci_host::login::{Accounts, Found, Held, LoginFile, Renewal, now, timestamp};
use cci_host::store::run_dir::{LoginNote, RunDir};
use cci_host::store::seed::LoginGiven;
use serde_json::Value;

use crate::blocking::blocking;
use crate::context::Context;
use crate::event::SessionEvent;
use crate::session::provider;

/// The variable that names another place where logins are renewed, for tests and gateways.
pub const TOKEN_URL: &str = "CCI_TOKEN_URL";
/// How long before its end a login is said to end.
const SOON: u64 = 3 * 24 * 3600 * 1000;

/// The way that a session takes.
#[derive(Debug, Clone)]
pub struct Way {
    /// What the supervisor has to know, where it has to do with it.
    pub(super) note: Option<LoginNote>,
    /// Whether the host's login is copied.
    is_copied: bool,
    /// What the agent finds in its environment.
    pub(super) environment: BTreeMap<String, String>,
    /// The account of cci's that is used.
    account: Option<AccountName>,
    /// The login on the host, if that is used.
    held: Option<Box<Held>>,
    /// Why it is not the way that was configured.
    why: Option<Otherwise>,
}

impl Way {
    /// Whether the caller's supervisor has to do with it.
    #[must_use]
    pub fn needs_supervisor(&self) -> bool {
        self.note.is_some()
    }

    fn other(is_copied: bool, why: Option<Otherwise>) -> Self {
        Self { note: None, is_copied, environment: BTreeMap::new(), account: None, held: None, why }
    }

    /// What the session's directory gets of it.
    pub(super) fn given(&self, is_fresh: bool) -> LoginGiven {
        let has_provider = self.note.as_ref().is_some_and(|note| note.provided.is_some());
        LoginGiven { is_copied: self.is_copied, is_closed: self.account.is_some() || has_provider, is_fresh }
    }

    /// What a file in the container has to hold when the agent starts, and its name.
    pub(super) fn handed_in(&self, settings: &Settings) -> Option<(&'static str, Vec<u8>)> {
        let login = settings.tool.agent().login()?;
        let (note, held) = (self.note.as_ref()?, self.held.as_ref()?);
        let is_file = note.mode == LoginMode::Token;
        is_file.then(|| (login.file(), login.access_only(&held.content).to_string().into_bytes()))
    }

    /// Says what the person should know of it.
    pub(super) fn tell(&self, cx: &Context) {
        let agent = cx.settings.tool.agent().title();
        match &self.why {
            Some(Otherwise::Unknown { path, problem }) => {
                cx.emit(SessionEvent::LoginUnusable { path: path.clone(), problem: problem.clone(), agent });
            }
            Some(Otherwise::Ended) => cx.emit(SessionEvent::LoginEnded { agent }),
            Some(Otherwise::Named(variables)) => cx.emit(SessionEvent::LoginSetAside(variables.clone())),
            None => {}
        }
        let ends = self.held.as_ref().and_then(|held| held.credentials.ends);
        if let Some(at) = ends.filter(|ends| *ends < now() + SOON).and_then(timestamp) {
            cx.emit(SessionEvent::LoginEnds { at, agent, account: self.account.clone() });
        }
        let servers = || Some(cx.settings.tool.agent().login()?.others(&self.held.as_ref()?.content));
        let others = servers().filter(|names| !names.is_empty() && cx.settings.tool.import.has(Part::Mcp));
        if let Some(names) = others {
            cx.emit(SessionEvent::OthersStay(names));
        }
    }
}

/// Why it is not the way that is configured.
#[derive(Debug, Clone)]
enum Otherwise {
    /// The person says by these variables how the agent is let in.
    Named(Vec<String>),
    /// The login has ended, or the agent has found that it had.
    Ended,
    /// The login is a link, or in no form that cci knows.
    Unknown { path: PathBuf, problem: String },
}

/// Finds the way for a session that these settings start in which `agent` is what really runs.
pub(super) async fn way(cx: &Context, agent: &'static dyn Agent) -> Result<Way> {
    let settings = &cx.settings.login;
    if !cx.settings.defaults.agent_config {
        return Ok(Way::other(settings.mode == LoginMode::Copy || agent.login().is_none(), None));
    }
    let account = account(cx, agent).await?;
    if let Some((name, _)) = account.as_ref().filter(|_| settings.mode == LoginMode::Copy) {
        return Err(unfit(name, "is not copied into containers", "set `login.mode` to \"socket\""));
    }
    let Some(login) = agent.login().filter(|_| settings.mode != LoginMode::Copy) else {
        return Ok(Way::other(true, None));
    };
    let (account, file) = match account {
        Some((name, file)) => (Some(name), Some(file)),
        None => (None, LoginFile::of(&cx.caller, agent)),
    };
    let Some(file) = file else { return Ok(Way::other(true, None)) };
    let configured = agent.sources(&cx.caller.place_of(agent), &Import::default()).directory.join(login.settings());
    let (read, cci_dir) = (file.clone(), cx.cci_dir());
    // where an account lets the agent in, what else would does not come along
    let comes = cx.settings.tool.import.has(Part::Settings) && account.is_none();
    let found = blocking(move || {
        Ok((Renewal::found(&cci_dir, &read), if comes { settings_at(&configured) } else { Value::Null }))
    });
    let Ok((found, configured)) = found.await else { return Ok(Way::other(false, None)) };
    let given = given(cx, login);
    if account.is_none()
        && given.is_empty()
        && let Some((api, provided)) = provider::chosen(cx, login, &configured)?
    {
        return Ok(through(cx, login, &file, (api, provided)));
    }
    let mut named = login.variables_of(&configured);
    if cx.settings.defaults.settings_secrets == SettingsSecrets::Drop {
        // what opens anything does not come along
        named.retain(|name| !login.opens(name));
    }
    named.extend(given);
    let mode = match &named[..] {
        [] => settings.mode,
        // another address, and nothing that opens it
        all if all.iter().all(|name| name == login.api().0) => LoginMode::Token,
        // where there is no login, nothing is set aside
        _ => return Ok(Way::other(false, matches!(found, Found::Login(_)).then_some(Otherwise::Named(named)))),
    };
    let held = match (found, &account) {
        (Found::Login(held), _) => held,
        (Found::Other(problem), Some(name)) => {
            return Err(unfit(name, &format!("cannot be used: {problem}"), &added_again(name)));
        }
        (_, Some(name)) => return Err(unfit(name, "has ended", &added_again(name))),
        (Found::Absent, None) => return Ok(Way::other(false, None)),
        (Found::Ended(_), None) => return Ok(Way::other(false, Some(Otherwise::Ended))),
        (Found::Other(problem), None) => {
            return Ok(Way::other(false, Some(Otherwise::Unknown { path: file.path(), problem })));
        }
    };
    if let Some(name) = account.as_ref().filter(|_| mode == LoginMode::Token) {
        let hint = format!("set `login.mode` to \"socket\", and give sessions no {}", login.api().0);
        return Err(unfit(name, "is never put into a container", &hint));
    }
    let why = (!named.is_empty()).then_some(Otherwise::Named(named));
    Ok(with(cx, login, &file, (held, account), mode, why))
}

/// The variables by which the person says for this session how the agent is let in.
fn given(cx: &Context, login: &dyn Login) -> Vec<String> {
    let given = cx.environment.iter().map(|(name, value)| (name, value.as_str()));
    let configured = cx.settings.defaults.environment.iter().map(|(name, value)| match value {
        Variable::Text(text) => (name, text.as_str()),
        Variable::Command { command } => (name, command.as_str()),
    });
    given.chain(configured).filter(|(name, value)| login.lets_in(name, value)).map(|(name, _)| name.clone()).collect()
}

/// The way to a provider: always by the socket, because nothing that opens one ends soon.
fn through(cx: &Context, login: &'static dyn Login, file: &LoginFile, (api, provided): (String, Provided)) -> Way {
    let environment = login.provided_environment(LOGIN_SOCKET, &provided).into_iter().collect();
    let renewed_at = cx.caller.var(TOKEN_URL).unwrap_or(provider::GOOGLE).to_owned();
    let note = note(cx, login, file, (LoginMode::Socket, api));
    let note = LoginNote { provided: Some(provided), renewed_at, ..note };
    Way { note: Some(note), is_copied: false, environment, account: None, held: None, why: None }
}

/// The account that is to be used, if it is not the agent's own login; one that is chosen and is not there lets nothing
/// start with another.
async fn account(cx: &Context, agent: &'static dyn Agent) -> Result<Option<(AccountName, LoginFile)>> {
    let Some(accounts) = Accounts::of(&cx.cci_dir(), agent) else { return Ok(None) };
    let configured = cx.settings.login.account.clone();
    blocking(move || {
        let chosen = accounts.chosen(configured.as_ref())?;
        chosen.map(|name| accounts.require(&name).map(|file| (name, file))).transpose()
    })
    .await
}

fn added_again(name: &AccountName) -> String {
    format!("add it again: `cci login add {name} --force`, with --token, --api-key or the like")
}

fn unfit(name: &AccountName, problem: &str, hint: &str) -> Error {
    Error::Config { problem: format!("the account {name} {problem}"), hint: Some(hint.to_owned()) }
}

fn with(
    cx: &Context,
    login: &'static dyn Login,
    file: &LoginFile,
    (held, account): (Box<Held>, Option<AccountName>),
    mode: LoginMode,
    why: Option<Otherwise>,
) -> Way {
    let (variable, usual) = login.api();
    // an address that the caller's own agent opens with something else gets no login
    let is_opened = login.variables().iter().any(|name| login.opens(name) && cx.caller.var(name).is_some());
    let on_host = || cx.caller.var(variable).filter(|_| !is_opened);
    // what an account holds is sent where it was added for, and nowhere else
    let api = if account.is_some() { Accounts::api_of(&held) } else { on_host() };
    let note = LoginNote { account: account.clone(), ..note(cx, login, file, (mode, api.unwrap_or(usual).to_owned())) };
    let environment = environment(login, mode, held.credentials.pass);
    Way { note: Some(note), is_copied: false, environment, account, held: Some(held), why }
}

fn note(cx: &Context, login: &dyn Login, file: &LoginFile, (mode, api): (LoginMode, String)) -> LoginNote {
    let settings = &cx.settings.login;
    LoginNote {
        mode,
        directory: file.directory().to_owned(),
        account: None,
        api,
        provided: None,
        renewed_at: cx.caller.var(TOKEN_URL).unwrap_or(login.renewed_at()).to_owned(),
        max_tokens: settings.max_tokens,
        max_requests_per_minute: settings.max_requests_per_minute,
    }
}

/// What the agent finds in its environment.
fn environment(login: &dyn Login, mode: LoginMode, pass: Pass) -> BTreeMap<String, String> {
    let variables = match mode {
        LoginMode::Socket => login.socket_environment(LOGIN_SOCKET, pass),
        LoginMode::Token => login.directory_environment(LOGIN_DIRECTORY),
        LoginMode::Copy => Vec::new(),
    };
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The same for another program in a session that runs: what its agent was started with.
pub(super) async fn environment_of(cx: &Context, session: SessionId) -> BTreeMap<String, String> {
    let (run, cci_dir) = (RunDir::of(&cx.cci_dir()), cx.cci_dir());
    let found = blocking(move || {
        let Some(noted) = run.noted(session) else { return Ok(None) };
        let agent = agent(&noted.tool);
        Ok(agent.login().zip(noted.login).map(|(login, note)| {
            if let Some(provided) = &note.provided {
                return login.provided_environment(LOGIN_SOCKET, provided).into_iter().collect();
            }
            let file = note.account.and_then(|name| Some(Accounts::of(&cci_dir, agent)?.file(&name)));
            let pass = match file.map(|file| file.read()) {
                Some(Found::Login(held)) => held.credentials.pass,
                _ => Pass::Bearer,
            };
            environment(login, note.mode, pass)
        }))
    });
    found.await.ok().flatten().unwrap_or_default()
}

/// The agent's own settings on the host.
fn settings_at(path: &Path) -> Value {
    std::fs::read(path).ok().and_then(|bytes| json::parse(&bytes).ok()).unwrap_or_default()
}
