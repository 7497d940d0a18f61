//! `cci login status`: each account, when it ends, and who renewed it last.

use cci_agent::{Agent, Credentials, Pass, agents};
use cci_core::Result;
use cci_core::account::AccountName;
use cci_core::settings::{LoginMode, LoginSettings};
use cci_core::workspace::Workspace;
use cci_engine::blocking::blocking;
use cci_guest::GuestText;
use cci_host::caller::Caller;
use cci_host::login::{Accounts, Found, LoginFile, Renewal, Renewed, now, timestamp};
use cci_host::settings::{Overrides, Stack, Trust};
use cci_host::zone::Zone;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::output::{FormatArg, print};
use crate::ui::text::Text;

/// What `status --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci login status")]
pub(crate) struct Status {
    /// The accounts of all agents that have a login: first the agent's own on the host, then those of `cci login add`.
    accounts: Vec<Account>,
}

/// A login.
#[derive(Debug, Serialize, JsonSchema)]
struct Account {
    /// The agent.
    tool: String,
    /// The agent's name.
    agent: String,
    /// The account: `host` is the agent's own login on the host.
    name: String,
    /// Whether sessions that are started here use it.
    used: bool,
    /// What it is let in by: `login`, `token`, `api-key` or `helper`; null without one.
    kind: Option<Kind>,
    /// The API that it is for; empty if that is the usual one.
    api: String,
    /// Its file.
    path: String,
    /// What there is: `ok`, `ended`, `absent` or `unknown`.
    state: State,
    /// What of it is in a container: `socket`, `token` or `copy`.
    mode: LoginModeWord,
    /// The kind of subscription; empty if the login does not say.
    subscription: String,
    /// When the access token ends, RFC 3339; empty if the login does not say. It is renewed before.
    token_ends: String,
    /// When the login itself ends, RFC 3339; empty if the login does not say.
    ends: String,
    /// Who renewed it last: `cci` or `host`; empty without a login.
    renewed_by: String,
    /// When that was, RFC 3339; empty without a login.
    renewed_at: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Login,
    Token,
    ApiKey,
    Helper,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Ended,
    Absent,
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum LoginModeWord {
    Socket,
    Token,
    Copy,
}

impl From<LoginMode> for LoginModeWord {
    fn from(mode: LoginMode) -> Self {
        match mode {
            LoginMode::Socket => Self::Socket,
            LoginMode::Token => Self::Token,
            LoginMode::Copy => Self::Copy,
        }
    }
}

pub(super) async fn run(args: FormatArg, caller: Caller) -> Result<u8> {
    let status = blocking(move || accounts(&caller)).await?;
    print(args.format, &status, text)
}

fn accounts(caller: &Caller) -> Result<Status> {
    // what a project says of it counts at a launch only
    let here = Workspace::at(&caller.current_dir);
    let stack = Stack::read(caller, &here, None, &Overrides::default(), Trust::LeftOut)?;
    let settings = stack.settings()?.login;
    let mut all = Vec::new();
    for agent in agents() {
        let (Some(own), Some(accounts)) = (LoginFile::of(caller, agent), Accounts::of(&caller.cci_dir(), agent)) else {
            continue;
        };
        let used = accounts.chosen(settings.account.as_ref())?;
        let named = accounts.names()?.into_iter().map(|name| (accounts.file(&name), name));
        for (file, name) in [(own, AccountName::host())].into_iter().chain(named) {
            let is_used = used.as_ref().map_or(name.is_host(), |used| *used == name);
            all.push(account(caller, agent, &settings, (&file, &name), is_used));
        }
    }
    Ok(Status { accounts: all })
}

fn account(
    caller: &Caller,
    agent: &dyn Agent,
    settings: &LoginSettings,
    (file, name): (&LoginFile, &AccountName),
    used: bool,
) -> Account {
    let mut account = Account {
        tool: agent.name().to_owned(),
        agent: agent.title().to_owned(),
        name: name.to_string(),
        used,
        kind: None,
        api: String::new(),
        path: file.path().to_string_lossy().into_owned(),
        state: State::Absent,
        mode: settings.mode.into(),
        subscription: String::new(),
        token_ends: String::new(),
        ends: String::new(),
        renewed_by: String::new(),
        renewed_at: String::new(),
    };
    match Renewal::found(&caller.cci_dir(), file) {
        Found::Absent => {}
        Found::Other(_) => account.state = State::Unknown,
        Found::Login(held) => {
            let is_over = held.credentials.ends.is_some_and(|ends| ends < now());
            account.state = if is_over { State::Ended } else { State::Ok };
            account.kind = Some(kind(&held.credentials));
            if !name.is_host() {
                account.api = Accounts::api_of(&held).map(str::to_owned).unwrap_or_default();
            }
            account.token_ends = time(held.credentials.expires);
            account.ends = time(held.credentials.ends);
            account.renewed_at = time(Some(held.written));
            let by = Renewal::of(&caller.cci_dir(), file, &held);
            account.renewed_by = String::from(if by == Renewed::Cci { "cci" } else { "host" });
            account.subscription = held.credentials.subscription.unwrap_or_default();
        }
        Found::Ended(_) => account.state = State::Ended,
    }
    account
}

fn kind(credentials: &Credentials) -> Kind {
    match credentials.pass {
        Pass::Both => Kind::Helper,
        Pass::Key => Kind::ApiKey,
        Pass::Bearer if credentials.refresh.is_empty() => Kind::Token,
        Pass::Bearer => Kind::Login,
    }
}

fn time(at: Option<u64>) -> String {
    at.and_then(timestamp).map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
}

fn text(status: &Status) -> Text {
    let zone = Zone::of_this_process();
    let shown = |at: &str| if at.is_empty() { "unknown".to_owned() } else { zone.shown(at) };
    let several = status.accounts.len() > 1;
    let mut out = Text::default();
    for account in &status.accounts {
        let state = match (account.state, account.kind) {
            (State::Ok, Some(Kind::ApiKey)) => "an API key",
            (State::Ok, Some(Kind::Helper)) => "an API key that a command prints",
            (State::Ok, Some(Kind::Token)) => "an access token",
            (State::Ok, _) => "logged in",
            (State::Ended, _) if account.name == "host" => "the login has ended: log in again on this host",
            (State::Ended, _) => "the login has ended: add it again with --force",
            (State::Absent, _) => "not logged in",
            (State::Unknown, _) => "a login in a form that cci does not know",
        };
        let kind = Some(&account.subscription).filter(|kind| !kind.is_empty());
        let kind = kind.map(|kind| format!(" ({})", GuestText::new(kind))).unwrap_or_default();
        let name = if account.name == "host" { String::new() } else { format!(", account {}", account.name) };
        let used = if several && account.used { " (used by sessions)" } else { "" };
        out.line(format_args!("{}{name}: {state}{kind}{used}", account.agent));
        out.line(format_args!("  File: {}", GuestText::new(&account.path)));
        if !account.api.is_empty() {
            out.line(format_args!("  API: {}", GuestText::new(&account.api)));
        }
        let mode = match account.mode {
            LoginModeWord::Socket => "nothing of it (socket)",
            LoginModeWord::Token => "an access token (token)",
            LoginModeWord::Copy => "all of it (copy)",
        };
        out.line(format_args!("  In containers: {mode}"));
        if account.kind != Some(Kind::Login) {
            continue;
        }
        out.line(format_args!("  Access token until: {}", shown(&account.token_ends)));
        out.line(format_args!("  Login until: {}", shown(&account.ends)));
        let by = if account.renewed_by == "cci" { "cci" } else { account.agent.as_str() };
        out.line(format_args!("  Renewed: {} by {by}", shown(&account.renewed_at)));
    }
    out
}
