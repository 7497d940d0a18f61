//! What every use-case works with: the client, the settings, the caller, the reporter and its scope. It is immutable.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use cci_core::Result;
use cci_core::name::Prefix;
use cci_core::network::{Keeper, Policy};
use cci_core::settings::Settings;
use cci_core::workspace::Workspace;
use cci_incus::Client;

use crate::event::Event;
use crate::reporter::Reporter;
use crate::scope::Scope;
use crate::site::Site;
use crate::supervision::Supervision;
use cci_host::caller::Caller;
use cci_host::settings::Stack;

/// One run of cci.
#[derive(Clone)]
pub struct Context {
    /// Incus, in the project of the settings.
    pub client: Client,
    /// The layers that the settings come from.
    pub stack: Stack,
    /// The layers merged.
    pub settings: Settings,
    /// Who runs cci, and where.
    pub caller: Caller,
    /// The project directory that was asked for.
    pub workspace: Workspace,
    /// The prefix of container names.
    pub prefix: Prefix,
    /// Environment of the command line (`-e`).
    pub environment: BTreeMap<String, String>,
    /// Whether verbs that take a container's or an image's name may act on another user's (`--any-owner`).
    pub any_owner: bool,
    /// Where its events go.
    pub reporter: Arc<dyn Reporter>,
    /// Who has the caller's supervisor run.
    pub supervision: Arc<dyn Supervision>,
    /// What belongs to this call alone: its cancellation, what it created, its file work.
    pub scope: Scope,
}

impl Context {
    /// Reports an event.
    pub fn emit(&self, event: impl Into<Event>) {
        self.reporter.emit(event.into());
    }

    /// The same call with these layers of settings, merged.
    pub fn with_stack(&self, stack: Stack) -> Result<Self> {
        Ok(Self { settings: stack.settings()?, stack, ..self.clone() })
    }

    /// The same call with more environment; what the command line gives takes precedence.
    #[must_use]
    pub fn with_environment(&self, more: BTreeMap<String, String>) -> Self {
        let mut environment = more;
        environment.extend(self.environment.clone());
        Self { environment, ..self.clone() }
    }

    /// The same call with the socket located again: a daemon that has just been started may have it elsewhere.
    #[must_use]
    pub fn reconnected(&self) -> Self {
        Self { client: self.site().client(&self.caller, &self.settings), ..self.clone() }
    }

    /// The same call, which may act on what belongs to another user if `any_owner` is set.
    #[must_use]
    pub fn of_any_owner(&self, any_owner: bool) -> Self {
        Self { any_owner, ..self.clone() }
    }

    /// Where Incus is; ask this for anything about its machine.
    #[must_use]
    pub fn site(&self) -> Site {
        Site::Here
    }

    /// Who judges connections by name for this caller.
    #[must_use]
    pub fn keeper(&self) -> Keeper {
        Keeper::of(self.caller.ids.uid, &self.cci_dir())
    }

    /// The policy of the settings; mode `open` has none.
    pub fn policy(&self) -> Result<Option<Policy>> {
        Policy::new(&self.settings.network, &self.keeper())
    }

    /// cci's own directory: `~/.cci`.
    #[must_use]
    pub fn cci_dir(&self) -> PathBuf {
        self.caller.cci_dir()
    }
}
