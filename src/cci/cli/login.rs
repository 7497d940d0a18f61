//! `cci login`: the agents' logins on this host.

use cci_agent::agents;
use cci_core::Result;
use cci_core::settings::LoginMode;
use cci_core::workspace::Workspace;
use cci_engine::blocking::blocking;
use cci_guest::GuestText;
use cci_host::caller::Caller;
use cci_host::login::{Found, LoginFile, Renewal, Renewed, now, timestamp};
use cci_host::settings::{Overrides, Stack, Trust};
use cci_host::zone::Zone;
use clap::{Args, Subcommand};
use schemars::JsonSchema;
use serde::Serialize;

use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::{Format, FormatArg, print};
use super::verb::{Call, Offline, Verb};
use crate::ui::text::Text;

/// Show the agents' logins on this host
///
/// A session's requests are let in with the login on the host, which stays there (`login.mode`).
#[derive(Debug, Args)]
#[command(
    after_help = "ANTHROPIC_BASE_URL and CCI_TOKEN_URL in the environment of a launch name another API and another place where logins are renewed, for gateways.\n\nExamples:\n  cci login status\n  cci login status --format=json | jq -r '.accounts[].ends'"
)]
pub(crate) struct LoginArgs {
    #[command(subcommand)]
    verb: LoginVerb,
}

#[derive(Debug, Subcommand)]
enum LoginVerb {
    /// Each login, when it ends, and who renewed it last
    #[command(after_help = "Examples:\n  cci login status")]
    Status {
        #[command(flatten)]
        format: FormatArg,
    },
}

/// What `status --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci login status")]
struct Status {
    /// The logins of all agents that have one on the host.
    accounts: Vec<Account>,
}

/// A login.
#[derive(Debug, Serialize, JsonSchema)]
struct Account {
    /// The agent.
    tool: String,
    /// The agent's name.
    agent: String,
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

impl Verb for LoginArgs {
    const SCHEMAS: &'static [Described] =
        &[Described::new::<Status>("login-status", "the agents' logins on this host")];

    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[]
    }

    fn format(&self) -> Option<Format> {
        let LoginVerb::Status { format } = &self.verb;
        Some(format.format)
    }
}

impl Offline for LoginArgs {
    async fn run(self, _: &Call<'_>) -> Result<u8> {
        let LoginVerb::Status { format } = self.verb;
        let caller = Caller::of_this_process()?;
        caller.refuse_anothers_home()?;
        let status = blocking(move || accounts(&caller)).await?;
        print(format.format, &status, text)
    }
}

fn accounts(caller: &Caller) -> Result<Status> {
    // what a project says of it counts at a launch only
    let here = Workspace::at(&caller.current_dir);
    let stack = Stack::read(caller, &here, None, &Overrides::default(), Trust::LeftOut)?;
    let mode = stack.settings()?.login.mode;
    let one = |agent: &'static dyn cci_agent::Agent| {
        let file = LoginFile::of(caller, agent)?;
        let mut account = Account {
            tool: agent.name().to_owned(),
            agent: agent.title().to_owned(),
            path: file.path().to_string_lossy().into_owned(),
            state: State::Absent,
            mode: mode.into(),
            subscription: String::new(),
            token_ends: String::new(),
            ends: String::new(),
            renewed_by: String::new(),
            renewed_at: String::new(),
        };
        match file.read() {
            Found::Absent => {}
            Found::Other(_) => account.state = State::Unknown,
            Found::Ended(_) => account.state = State::Ended,
            Found::Login(held) => {
                let is_over = held.credentials.ends.is_some_and(|ends| ends < now());
                account.state = if is_over { State::Ended } else { State::Ok };
                account.token_ends = time(held.credentials.expires);
                account.ends = time(held.credentials.ends);
                account.renewed_at = time(Some(held.written));
                let by = Renewal::of(&caller.cci_dir(), &file, &held);
                account.renewed_by = String::from(if by == Renewed::Cci { "cci" } else { "host" });
                account.subscription = held.credentials.subscription.unwrap_or_default();
            }
        }
        Some(account)
    };
    Ok(Status { accounts: agents().filter_map(one).collect() })
}

fn time(at: Option<u64>) -> String {
    at.and_then(timestamp).map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
}

fn text(status: &Status) -> Text {
    let zone = Zone::of_this_process();
    let shown = |at: &str| if at.is_empty() { "unknown".to_owned() } else { zone.shown(at) };
    let mut out = Text::default();
    for account in &status.accounts {
        let state = match account.state {
            State::Ok => "logged in",
            State::Ended => "the login has ended: log in again on this host",
            State::Absent => "not logged in",
            State::Unknown => "a login in a form that cci does not know",
        };
        let kind = Some(&account.subscription).filter(|kind| !kind.is_empty());
        let kind = kind.map(|kind| format!(" ({})", GuestText::new(kind))).unwrap_or_default();
        out.line(format_args!("{}: {state}{kind}", account.agent));
        out.line(format_args!("  File: {}", GuestText::new(&account.path)));
        let mode = match account.mode {
            LoginModeWord::Socket => "nothing of it (socket)",
            LoginModeWord::Token => "an access token (token)",
            LoginModeWord::Copy => "all of it (copy)",
        };
        out.line(format_args!("  In containers: {mode}"));
        if account.renewed_by.is_empty() {
            continue;
        }
        out.line(format_args!("  Access token until: {}", shown(&account.token_ends)));
        out.line(format_args!("  Login until: {}", shown(&account.ends)));
        let by = if account.renewed_by == "cci" { "cci" } else { account.agent.as_str() };
        out.line(format_args!("  Renewed: {} by {by}", shown(&account.renewed_at)));
    }
    out
}
