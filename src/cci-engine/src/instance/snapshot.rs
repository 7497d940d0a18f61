//! Removes a snapshot that a call took.

use std::time::Duration;

use cci_core::Result;
use cci_incus::Client;

use super::operations::wait_for_pending;
use crate::incus_error::DuringStep;

/// How long it may take; an image that is being packed from it is waited for.
const LIMIT: Duration = Duration::from_secs(120);

/// Removes a snapshot, which Incus may still be taking; whether there was one.
pub(crate) async fn remove_snapshot(client: &Client, container: &str, name: &str) -> Result<bool> {
    let step = "remove the snapshot";
    wait_for_pending(client, container, step, LIMIT).await?;
    match client.delete_snapshot(container, name).await {
        Ok(operation) => operation.wait(step, LIMIT).await.map(|_| true).during(step),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error).during(step),
    }
}
