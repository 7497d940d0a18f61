//! `cci login`: the agents' accounts on this host.

pub(super) mod add;
pub(super) mod configured;
mod status;

use std::sync::Arc;

use cci_core::account::AccountName;
use cci_core::{Error, Result};
use cci_engine::blocking::blocking;
use cci_host::caller::Caller;
use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCandidates;

use self::add::AddArgs;
use self::configured::{accounts, shown};
use self::status::Status;
use super::complete;
use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::{Format, FormatArg};
use super::verb::{Call, Offline, Verb};
use crate::ui::terminal::Terminal;

/// Show and choose the agents' accounts on this host
///
/// A session's requests are let in with the account on the host, which stays there (`login.mode`). Without any of
/// `login add` that is the agent's own login.
#[derive(Debug, Args)]
#[command(
    after_help = "ANTHROPIC_BASE_URL and CCI_TOKEN_URL in the environment of a launch name another API and another place where logins are renewed, for gateways. Where the environment or the agent's settings choose Bedrock, Vertex AI or a gateway with a token of its own, sessions go there in the same way, and what opens it stays on the host.\n\nExamples:\n  cci login status\n  cci login add work --api-key < key.txt\n  cci login use work\n  cci login status --format=json | jq -r '.accounts[].ends'"
)]
pub(crate) struct LoginArgs {
    #[command(subcommand)]
    verb: LoginVerb,
}

#[derive(Debug, Subcommand)]
enum LoginVerb {
    /// Each account, when it ends, and who renewed it last
    #[command(after_help = "Examples:\n  cci login status")]
    Status {
        #[command(flatten)]
        format: FormatArg,
    },
    /// Keep an account for sessions
    ///
    /// Where nothing says what to keep, the agent's own login asks for it, in a container of its own: open the address
    /// that it prints in a browser anywhere, and enter the code that the page shows. An account is kept in
    /// `~/.cci/logins`, for this user only; the container is removed. Sessions use it behind `cci login use`, or where
    /// `login.account` names it; what lets the agent in otherwise, in its settings on the host, then stays there.
    #[command(
        after_help = "Examples:\n  cci login add second                   logs in with the agent itself, at the terminal\n  cci login add work --api-key < key.txt\n  cci login add work --token             asks for the token that the agent's own `setup-token` has printed\n  cci login add gateway --from-environment\n  cci login add vault --api-key-helper   the command of the agent's settings, run on the host"
    )]
    Add(AddArgs),
    /// Have sessions use an account from now on
    ///
    /// What runs keeps the one that it was started with. `login.account` in a configuration counts more.
    #[command(after_help = "Examples:\n  cci login use work\n  cci login use host     the agent's own login again")]
    Use(NameArgs),
    /// Remove an account
    ///
    /// Sessions that run with it are let in no longer.
    #[command(after_help = "Examples:\n  cci login remove work")]
    Remove(NameArgs),
}

#[derive(Debug, Args)]
struct NameArgs {
    /// The account; `host` is the agent's own login
    #[arg(value_name = "NAME", add = ArgValueCandidates::new(complete::accounts))]
    name: AccountName,
}

impl Verb for LoginArgs {
    const SCHEMAS: &'static [Described] =
        &[Described::new::<Status>("login-status", "the agents' accounts on this host")];

    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[]
    }

    fn format(&self) -> Option<Format> {
        match &self.verb {
            LoginVerb::Status { format } => Some(format.format),
            LoginVerb::Add(_) | LoginVerb::Use(_) | LoginVerb::Remove(_) => None,
        }
    }
}

impl Offline for LoginArgs {
    async fn run(self, call: &Call<'_>) -> Result<u8> {
        let caller = Caller::of_this_process()?;
        caller.refuse_anothers_home()?;
        match self.verb {
            LoginVerb::Status { format } => status::run(format, caller).await,
            LoginVerb::Add(args) => add::run(args, caller, call).await,
            LoginVerb::Use(NameArgs { name }) => use_one(name, caller, call.terminal).await,
            LoginVerb::Remove(NameArgs { name }) => remove(name, caller, call.terminal).await,
        }
    }
}

async fn use_one(name: AccountName, caller: Caller, terminal: &Arc<Terminal>) -> Result<u8> {
    let used = name.clone();
    let configured = blocking(move || {
        let (accounts, configured) = accounts(&caller)?;
        accounts.use_one(&used)?;
        Ok(configured)
    });
    match configured.await? {
        Some(other) if other != name => {
            terminal.warn(&format!("`login.account` is configured and counts more: sessions use {other}"));
        }
        _ => terminal.note(&format!("New sessions use {}", shown(&name))),
    }
    Ok(0)
}

async fn remove(name: AccountName, caller: Caller, terminal: &Arc<Terminal>) -> Result<u8> {
    if name.is_host() {
        return Err(Error::usage("`host` is the agent's own login: log out with the agent"));
    }
    let removed = name.clone();
    blocking(move || accounts(&caller)?.0.remove(&removed)).await?;
    terminal.note(&format!("Removed {}", shown(&name)));
    Ok(0)
}
