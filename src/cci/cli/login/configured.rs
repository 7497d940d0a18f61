//! The accounts of the agent that is configured.

use cci_core::account::AccountName;
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use cci_host::caller::Caller;
use cci_host::login::Accounts;
use cci_host::settings::{Overrides, Stack, Trust};

/// An account as it is told.
pub(super) fn shown(name: &AccountName) -> String {
    if name.is_host() { "the agent's own login".to_owned() } else { format!("account {name}") }
}

/// The accounts of the configured agent, and the one that is configured.
pub(super) fn accounts(caller: &Caller) -> Result<(Accounts, Option<AccountName>)> {
    let here = Workspace::at(&caller.current_dir);
    let settings = Stack::read(caller, &here, None, &Overrides::default(), Trust::LeftOut)?.settings()?;
    let agent = settings.tool.agent();
    let accounts = Accounts::of(&caller.cci_dir(), agent).ok_or_else(|| Error::Config {
        problem: format!("cci keeps no accounts for {}", agent.title()),
        hint: Some("its own login on the host is copied into sessions".into()),
    })?;
    Ok((accounts, settings.login.account))
}

/// The names of the accounts, for completion.
pub(in crate::cli) fn names() -> Result<Vec<AccountName>> {
    let mut names = accounts(&Caller::of_this_process()?)?.0.names()?;
    names.push(AccountName::host());
    Ok(names)
}
