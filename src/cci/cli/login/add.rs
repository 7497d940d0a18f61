//! `cci login add`: keeps what the person gives, which is never on a command line, or what the agent's own login gives.

use std::io::{IsTerminal, Read, stdin};
use std::sync::Arc;

use cci_agent::{Agent, By, HostPlace, Import, Login, json};
use cci_core::account::AccountName;
use cci_core::{Error, Result};
use cci_engine::blocking::blocking;
use cci_engine::roll_back;
use cci_engine::session::sign_in::sign_in;
use cci_host::caller::Caller;
use cci_host::login::Accounts;
use cci_host::settings::Trust;
use cci_host::{signals, terminal};
use clap::{ArgGroup, Args};
use reqwest::Url;
use serde_json::Value;

use super::configured::{accounts, shown};
use crate::cli::context::context;
use crate::cli::verb::Call;
use crate::ui::terminal::Terminal;

/// No token or key is longer.
const LONGEST: u64 = 16 * 1024;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("from"))]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub(super) struct AddArgs {
    /// Its name: lowercase letters, digits, `-` and `_`
    name: AccountName,
    /// Read an access token from standard input, or ask for it
    #[arg(long, group = "from")]
    token: bool,
    /// Read an API key from standard input, or ask for it
    #[arg(long, group = "from")]
    api_key: bool,
    /// Take the token or the key that the agent would find in the environment
    #[arg(long, group = "from")]
    from_environment: bool,
    /// Take the command of the agent's settings on the host that prints a key; it is run there whenever one is needed
    #[arg(long, group = "from")]
    api_key_helper: bool,
    /// The API that it is for, if that is not the usual one; with --from-environment the one that is named there
    #[arg(long, value_name = "URL", requires = "from")]
    api: Option<Url>,
    /// Replace an account of this name
    #[arg(long)]
    force: bool,
}

/// A secret that was given, and what it is.
enum Secret {
    Token(String),
    Key(String),
}

impl AddArgs {
    /// Whether it is the agent that asks.
    fn is_signed_in(&self) -> bool {
        ![self.token, self.api_key, self.from_environment, self.api_key_helper].contains(&true)
    }
}

impl Secret {
    fn by(&self) -> By<'_> {
        match self {
            Self::Token(token) => By::Token(token),
            Self::Key(key) => By::Key(key),
        }
    }
}

pub(super) async fn run(args: AddArgs, caller: Caller, call: &Call<'_>) -> Result<u8> {
    let screen = call.terminal;
    let found = caller.clone();
    let accounts = blocking(move || Ok(accounts(&found)?.0)).await?;
    let (login, agent) = (accounts.login(), accounts.agent());
    // a mistake in the name is said before anything is asked
    accounts.may_add(&args.name, args.force)?;
    let content = if args.api_key_helper {
        let settings = settings(&caller, agent).await?;
        login.account(By::Helper(&settings)).ok_or_else(|| Error::Config {
            problem: format!("the settings of {} on this host name no command that prints a key", agent.title()),
            hint: Some(format!("`apiKeyHelper` in {}", login.settings())),
        })
    } else if args.is_signed_in() {
        signed_in(call, agent, login).await
    } else {
        let secret = match (args.token, args.api_key) {
            (true, _) => Secret::Token(read(screen, "Access token").await?),
            (_, true) => Secret::Key(read(screen, "API key").await?),
            _ => of_environment(&caller, &accounts)?,
        };
        let unfit = || Error::usage("that is no token or key: it is empty, or has spaces or other odd characters");
        login.account(secret.by()).ok_or_else(unfit)
    }?;
    let api = match args.api {
        Some(url) => Some(address(&url)?),
        None if args.from_environment => caller.var(login.api().0).map(named).transpose()?,
        None => None,
    };
    let (name, force) = (args.name.clone(), args.force);
    let is_used = blocking(move || {
        accounts.add(&name, content, api.as_deref(), force)?;
        Ok(accounts.in_use()?.as_ref() == Some(&name))
    });
    let is_used = is_used.await?;
    screen.note(&format!("Added {}", shown(&args.name)));
    if !is_used {
        screen.hint(&format!("`cci login use {}` has new sessions use it", args.name));
    }
    Ok(0)
}

/// What comes of the agent's own login.
async fn signed_in(call: &Call<'_>, agent: &'static dyn Agent, login: &'static dyn Login) -> Result<Value> {
    if !terminal::is_interactive() {
        return Err(Error::Usage {
            problem: format!("there is no terminal at which {} could ask to log in", agent.title()),
            hint: Some("--token, --api-key, --from-environment and --api-key-helper need none".into()),
        });
    }
    let cx = context(&call.flags.launch.asked(), call.terminal, Trust::SetAside, signals::cancellation())?;
    roll_back::abandoned(&cx).await;
    call.terminal.note(&format!("{} asks for the login in a container that is removed behind it", agent.title()));
    sign_in(&cx, agent, login).await
}

/// The secret of the environment; one only, so that it is no guess.
fn of_environment(caller: &Caller, accounts: &Accounts) -> Result<Secret> {
    let tokens = accounts.login().token_variables().iter().map(|name| (*name, Secret::Token as fn(String) -> Secret));
    let key = accounts.agent().api_key_variable().map(|name| (name, Secret::Key as fn(String) -> Secret));
    let all: Vec<_> = tokens.chain(key).collect();
    let set = all.iter().filter_map(|(name, kind)| Some((*name, kind(caller.var(name)?.to_owned()))));
    let mut set: Vec<(&str, Secret)> = set.collect();
    let names = |names: Vec<&str>| names.join(", ");
    match set.len() {
        0 => Err(Error::usage(format!("none of these is set: {}", names(all.iter().map(|(name, _)| *name).collect())))),
        1 => Ok(set.remove(0).1),
        _ => {
            let several = names(set.iter().map(|(name, _)| *name).collect());
            Err(Error::usage(format!("unset all but one of {several}")))
        }
    }
}

fn named(raw: &str) -> Result<String> {
    let url = raw.parse::<Url>().map_err(|_| Error::usage("the address of the API in the environment is none"))?;
    address(&url)
}

/// An address that is kept beside a secret and shown: without one in it.
fn address(url: &Url) -> Result<String> {
    let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if !["http", "https"].contains(&url.scheme()) || !url.has_host() || !is_plain || url.fragment().is_some() {
        return Err(Error::usage("the address of an API is http:// or https://, a host and perhaps a path"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

async fn settings(caller: &Caller, agent: &'static dyn Agent) -> Result<Value> {
    let place: HostPlace = caller.place_of(agent);
    let name = agent.login().map(Login::settings).unwrap_or_default();
    let path = agent.sources(&place, &Import::default()).directory.join(name);
    blocking(move || {
        let failed = |source| Error::Host { step: "read", path: path.clone(), source };
        let bytes = std::fs::read(&path).map_err(failed)?;
        json::parse(&bytes).map_err(|error| failed(std::io::Error::other(error.to_string())))
    })
    .await
}

/// Reads a secret: from a terminal without showing it.
pub(in crate::cli) async fn read(terminal: &Arc<Terminal>, what: &'static str) -> Result<String> {
    if stdin().is_terminal() {
        // the terminal shows nothing that is typed until the question has ended
        let cancel = signals::cancellation();
        return cancel.run_until_cancelled(terminal.secret(what)).await.unwrap_or(Err(Error::Interrupted));
    }
    let read = || -> std::io::Result<String> {
        let mut text = String::new();
        stdin().lock().take(LONGEST + 1).read_to_string(&mut text)?;
        Ok(text.trim().to_owned())
    };
    let failed = |source| Error::Host { step: "read", path: "the standard input".into(), source };
    blocking(move || read().map_err(failed)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_no_secret_in_it() {
        assert_eq!(named("https://gateway.example/llm/").unwrap(), "https://gateway.example/llm");
        for bad in ["gateway", "file:///x", "https://u:p@h", "https://h?key=1", "https://h#x", "ftp://h"] {
            assert!(named(bad).is_err(), "{bad}");
        }
    }
}
