//! What every use-case works with: the client, the settings, the caller, a voice, and its scope. Nobody changes it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use cci_core::Result;
use cci_core::name::Prefix;
use cci_core::settings::Settings;
use cci_core::workspace::Workspace;
use cci_incus::Client;

use crate::event::Event;
use crate::reporter::Reporter;
use crate::scope::Scope;
use crate::site::Site;
use cci_host::caller::Caller;
use cci_host::settings::Stack;

/// One run of cci.
#[derive(Clone)]
pub struct Context {
    /// Incus, in the project of the settings.
    pub client: Client,
    /// The layers that the settings come from.
    pub stack: Stack,
    /// What the layers say together.
    pub settings: Settings,
    /// Who runs cci, and where.
    pub caller: Caller,
    /// The project directory that was asked for.
    pub workspace: Workspace,
    /// What container names begin with.
    pub prefix: Prefix,
    /// Environment of the command line (`-e`).
    pub environment: BTreeMap<String, String>,
    /// Whether verbs that take a container's or an image's name may act on what is another user's (`--any-owner`).
    pub any_owner: bool,
    /// Where its events go.
    pub reporter: Arc<dyn Reporter>,
    /// What this call has for itself: its end, what it made, its file work.
    pub scope: Scope,
}

impl Context {
    /// Tells an event.
    pub fn emit(&self, event: impl Into<Event>) {
        self.reporter.emit(event.into());
    }

    /// The same call with these layers of settings, and what they say together.
    pub fn with_stack(&self, stack: Stack) -> Result<Self> {
        Ok(Self { settings: stack.settings()?, stack, ..self.clone() })
    }

    /// The same call with more environment; what the command line gives stays.
    #[must_use]
    pub fn with_environment(&self, more: BTreeMap<String, String>) -> Self {
        let mut environment = more;
        environment.extend(self.environment.clone());
        Self { environment, ..self.clone() }
    }

    /// The same call with the socket looked for anew: a daemon that has just been started may have it elsewhere.
    #[must_use]
    pub fn reconnected(&self) -> Self {
        Self { client: self.site().client(&self.caller, &self.settings), ..self.clone() }
    }

    /// The same call, which may act on what is another user's if `any_owner` says so.
    #[must_use]
    pub fn of_any_owner(&self, any_owner: bool) -> Self {
        Self { any_owner, ..self.clone() }
    }

    /// Where Incus is: whoever must know something of its machine asks this.
    #[must_use]
    pub fn site(&self) -> Site {
        Site::Here
    }

    /// Where cci keeps what is its own: `~/.cci`.
    #[must_use]
    pub fn cci_dir(&self) -> PathBuf {
        self.caller.home.join(".cci")
    }
}
