//! What Incus is doing right now, and to which instance.

use std::time::Duration;

use cci_core::Result;
use cci_incus::{Client, Operation};

use crate::incus_error::DuringStep;

/// The pending operations on an instance.
pub async fn pending(client: &Client, name: &str) -> Result<Vec<Operation>> {
    let concerns = |operation: &Operation| operation.instances().any(|concerned| concerned == name);
    Ok(unfinished(client).await?.into_iter().filter(concerns).collect())
}

/// All pending operations.
pub(crate) async fn unfinished(client: &Client) -> Result<Vec<Operation>> {
    let all = client.operations().await.during("list the operations")?;
    Ok(all.into_iter().filter(|operation| !operation.info().status_code.is_final()).collect())
}

/// Waits until Incus has finished what it is doing to an instance; the outcome does not matter.
pub(crate) async fn wait_for_pending(client: &Client, name: &str, step: &'static str, limit: Duration) -> Result<()> {
    for operation in pending(client, name).await? {
        let _ = operation.wait(step, limit).await;
    }
    Ok(())
}
