//! File work outside the runtime's one thread.

use cci_core::{Error, Result};

/// Does `work` where waiting for the disk blocks nothing else.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Error::Internal(error.to_string())))
}
