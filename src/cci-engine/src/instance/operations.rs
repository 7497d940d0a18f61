//! What Incus is doing at this moment, and to which instance.

use std::time::Duration;

use cci_core::Result;
use cci_incus::{Client, Operation};

use crate::incus_error::DuringStep;

/// What Incus still does to an instance.
pub async fn pending(client: &Client, name: &str) -> Result<Vec<Operation>> {
    let concerns = |operation: &Operation| operation.instances().any(|concerned| concerned == name);
    Ok(unfinished(client).await?.into_iter().filter(concerns).collect())
}

/// What Incus is doing at this moment.
pub(crate) async fn unfinished(client: &Client) -> Result<Vec<Operation>> {
    let all = client.operations().await.during("list the operations")?;
    Ok(all.into_iter().filter(|operation| !operation.info().status_code.is_final()).collect())
}

/// Waits until Incus has ended what it is doing to an instance; how it ended does not matter.
pub(crate) async fn wait_for_pending(client: &Client, name: &str, step: &'static str, limit: Duration) -> Result<()> {
    for operation in pending(client, name).await? {
        let _ = operation.wait(step, limit).await;
    }
    Ok(())
}
