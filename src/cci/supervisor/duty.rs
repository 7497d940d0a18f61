//! What the supervisor does for a session. Who does it is given to it.

use cci_core::Result;
use cci_core::checkpoint::{Cause, CheckpointId, Reference};
use cci_host::store::run_dir::Watched;
use futures_util::future::LocalBoxFuture;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// A moment of a session that is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Why.
    pub(crate) cause: Cause,
    /// The first line of the turn's prompt.
    pub(crate) prompt: Option<String>,
    /// What the agent wrote about it.
    pub(crate) message: Option<String>,
}

/// Whose moment it is.
#[derive(Debug, Clone)]
pub(crate) struct Of {
    /// The session, as its launch noted it.
    pub(crate) watched: Watched,
    /// Its container; empty as long as Incus has not been asked.
    pub(crate) container: String,
}

/// Dropped, or sent something, when the moment is over: what the agent does from now on is no part of it any more.
pub(crate) type Over = oneshot::Sender<()>;

/// What became of a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Taken {
    /// A new checkpoint.
    New(CheckpointId),
    /// Nothing had changed since this one.
    Unchanged(CheckpointId),
}

/// Who takes checkpoints, tells of them and rewinds. Each call ends early, and rolls back what it began, when its token
/// is cancelled.
pub(crate) trait Duty {
    /// Takes a checkpoint.
    fn take(&self, of: Of, at: Moment, over: Over, stop: CancellationToken) -> LocalBoxFuture<'static, Result<Taken>>;

    /// The newest checkpoints of the session, as `cci log --format json` prints them.
    fn log(&self, of: Of) -> LocalBoxFuture<'static, Result<Value>>;

    /// Rewinds the session; its agent is ended and started again. `begun` is sent something once nothing is left that can
    /// be refused.
    fn rewind(
        &self,
        of: Of,
        to: Reference,
        begun: oneshot::Sender<()>,
        stop: CancellationToken,
    ) -> LocalBoxFuture<'static, Result<Value>>;
}
