//! What every use-case works with: the client, the settings, the caller, a voice, and the list to undo.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use cci_core::name::Prefix;
use cci_core::settings::Settings;
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use cci_incus::Client;
use futures_util::future::LocalBoxFuture;

use crate::ledger::undo::Undo;
use crate::reporter::Reporter;
use cci_host::caller::Caller;
use cci_host::settings::Stack;
use cci_host::{incus_socket, signals};

/// One run of cci.
#[derive(Clone)]
pub struct Context {
    /// Incus, in the project of the settings.
    pub client: Client,
    /// The layers that the settings come from.
    pub stack: Stack,
    /// The merged settings.
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
    /// Tells the person.
    pub reporter: Arc<dyn Reporter>,
    /// What this call made and has not kept yet.
    pub undo: Undo,
}

impl Context {
    /// Does `work`; when it fails or a signal ends it, what it made so far is taken back, else it is kept.
    pub fn guarded<'a, T: 'a>(&'a self, work: impl Future<Output = Result<T>> + 'a) -> LocalBoxFuture<'a, Result<T>> {
        Box::pin(async {
            let value = self.undone_on_failure(work).await?;
            self.undo.keep();
            Ok(value)
        })
    }

    /// The same, but what was made stays on the list of what a kill must not leave behind.
    pub(crate) async fn undone_on_failure<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let done = tokio::select! {
            biased;
            () = signals::interrupted() => Err(Error::Interrupted),
            done = work => done,
        };
        if let Err(error) = &done {
            let settled = !matches!(error, Error::TimedOut { still_running: true, .. });
            // what Incus may still be about to make is looked for again by the next command
            let taken = self.take_back().await;
            if taken.all && settled {
                self.undo.keep();
            } else if taken.nowhere && !settled {
                self.undo.doubt();
            }
        }
        done
    }

    /// The same call with the socket looked for anew: a daemon that has just been started may have it elsewhere.
    #[must_use]
    pub fn reconnected(&self) -> Self {
        Self { client: incus_socket::client(&self.caller, &self.settings), ..self.clone() }
    }

    /// The same call, which may act on what is another user's if `any_owner` says so.
    #[must_use]
    pub fn of_any_owner(&self, any_owner: bool) -> Self {
        Self { any_owner, ..self.clone() }
    }

    /// Where cci keeps what is its own: `~/.cci`.
    pub(crate) fn cci_dir(&self) -> PathBuf {
        self.caller.home.join(".cci")
    }
}
