//! Builds the context of a use-case from the command line, the files and the environment.

use std::path::PathBuf;
use std::sync::Arc;

use cci_core::name::Prefix;
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use cci_guest::GuestText;
use tokio_util::sync::CancellationToken;

use super::given;
use crate::supervisor::Own;
use crate::ui::terminal::Terminal;
use cci_engine::context::Context;
use cci_engine::ledger::{Ledger, Server};
use cci_engine::scope::Scope;
use cci_host::caller::Caller;
use cci_host::incus_socket;
use cci_host::settings::{Overrides, Stack, Trust};

/// What the command line says about it.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// Relative to the current directory; empty means that directory.
    pub(crate) workspace: PathBuf,
    /// An additional configuration file.
    pub(crate) config: Option<PathBuf>,
    pub(crate) overrides: Overrides,
    /// Variables for the agent, each `NAME` or `NAME=VALUE`.
    pub(crate) env: Vec<String>,
    /// Files of such variables.
    pub(crate) env_files: Vec<PathBuf>,
}

/// Reads the configuration and finds the daemon; sends no request.
pub(crate) fn context(
    asked: &Asked,
    terminal: &Arc<Terminal>,
    trust: Trust,
    cancel: CancellationToken,
) -> Result<Context> {
    context_of(Caller::of_this_process()?, asked, terminal, trust, cancel)
}

/// The same for a caller with another environment than the process's own.
pub(crate) fn context_of(
    mut caller: Caller,
    asked: &Asked,
    terminal: &Arc<Terminal>,
    trust: Trust,
    cancel: CancellationToken,
) -> Result<Context> {
    // an absolute workspace does not depend on the current directory
    caller.is_current_dir_gone &= asked.workspace.is_relative();
    let workspace = Workspace::resolve(&caller.current_dir, &asked.workspace);
    let stack = Stack::read(&caller, &workspace, asked.config.as_deref(), &asked.overrides, trust)?;
    if let Some(why) = stack.set_aside() {
        terminal.warn(&format!("the project's configuration is left out: {why}"));
    }
    let (own, usual) = (caller.config_dir().join("config.toml"), caller.home.join(".config/cci/config.toml"));
    if own != usual && !own.exists() && usual.exists() {
        let (own, usual) = (GuestText::new(&own), GuestText::new(&usual));
        terminal.warn(&format!("{usual} is not read: XDG_CONFIG_HOME is set, and {own} does not exist"));
    }
    let settings = stack.settings()?;
    let prefix = match caller.var("CCI_CONTAINER_PREFIX") {
        None => Prefix::default(),
        Some(raw) => Prefix::parse(raw)
            .map_err(|error| Error::Config { problem: format!("CCI_CONTAINER_PREFIX: {error}"), hint: None })?,
    };
    let environment = given::environment(&asked.env, &asked.env_files, &caller, &workspace)?;
    let client = incus_socket::client(&caller, &settings);
    let server = Server { endpoint: client.endpoint().to_owned(), project: client.project().to_owned() };
    let ledger = Ledger::new(caller.home.join(".cci/unfinished"), server);
    let supervision = Arc::new(Own { caller: caller.clone() });
    Ok(Context {
        client,
        stack,
        settings,
        caller,
        workspace,
        prefix,
        environment,
        any_owner: false,
        reporter: terminal.clone(),
        supervision,
        scope: Scope::new(cancel, ledger),
    })
}
