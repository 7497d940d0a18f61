//! What Incus is doing right now, and to which instance.

use std::time::Duration;

use cci_core::Result;
use cci_incus::{Client, Operation, OperationKind};

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
///
/// A command that runs in it is not waited for: it may take hours, or wait for the caller itself.
pub(crate) async fn wait_for_pending(client: &Client, name: &str, step: &'static str, limit: Duration) -> Result<()> {
    let changes = |operation: &Operation| operation.kind() != OperationKind::Executing;
    for operation in pending(client, name).await?.into_iter().filter(changes) {
        let _ = operation.wait(step, limit).await;
    }
    Ok(())
}
