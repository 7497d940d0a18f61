//! The caller's supervisor, as far as a use-case waits for it.

use std::io;

use cci_core::session::SessionId;
use futures_util::future::LocalBoxFuture;

/// Whoever has the caller's supervisor run.
pub trait Supervision: Send + Sync {
    /// Has it run, and returns once it serves what is noted under this id; an error is why it does not.
    fn serves(&self, session: SessionId) -> LocalBoxFuture<'_, io::Result<()>>;
}
