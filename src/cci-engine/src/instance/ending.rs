//! Containers that are being removed: they count as gone although Incus still has them.

use std::collections::BTreeSet;
use std::time::Duration;

use cci_core::Result;
use cci_incus::{Client, Instance, Operation, OperationKind};

use crate::instance::operations::unfinished;

/// How long to wait for one removal.
const LIMIT: Duration = Duration::from_secs(60);

/// The removals in progress.
pub(crate) struct Ending {
    operations: Vec<Operation>,
    names: BTreeSet<String>,
}

/// Asks Incus what is being stopped or deleted.
pub(crate) async fn ending(client: &Client) -> Result<Ending> {
    let operations: Vec<Operation> = unfinished(client).await?.into_iter().filter(ends).collect();
    let names = operations.iter().flat_map(Operation::instances).map(str::to_owned).collect();
    Ok(Ending { operations, names })
}

impl Ending {
    /// Whether this instance is about to go: an ephemeral one that stops, or any that is deleted.
    pub(crate) fn takes(&self, instance: &Instance) -> bool {
        let deletes = |operation: &Operation| {
            operation.kind() == OperationKind::Deleting && operation.instances().any(|name| name == instance.name)
        };
        self.names.contains(&instance.name) && (instance.ephemeral || self.operations.iter().any(deletes))
    }

    /// Waits until those of these names are gone; whether there were any.
    pub(crate) async fn wait_for(&self, wanted: impl Fn(&str) -> bool) -> bool {
        let meant = |operation: &&Operation| operation.instances().any(&wanted);
        let ends = self.operations.iter().filter(meant).map(|operation| operation.wait("wait for a stop", LIMIT));
        // their outcome does not matter, only that they have ended
        !futures_util::future::join_all(ends).await.is_empty()
    }
}

fn ends(operation: &Operation) -> bool {
    operation.kind().ends_an_instance()
}
