//! The one way to create an instance: noted in the ledger before the request that creates it.

use std::time::Duration;

use cci_core::machine::{Container, MachineSpec, container};
use cci_incus::{NewInstance, Operation, Source};

use crate::context::Context;
use crate::event::Activity;
use crate::incus_progress::incus_progress;
use crate::ledger::Made;

/// The request that creates a machine as a container.
#[must_use]
pub fn request(machine: &MachineSpec, source: Source, start: bool) -> NewInstance {
    let Container { name, config, devices, ephemeral } = container(machine);
    NewInstance { config, devices, ephemeral, start, ..NewInstance::new(name, source) }
}

/// Notes a machine that is about to be created, so that a failure or a kill does not leave it behind.
pub(crate) fn note(cx: &Context, machine: &MachineSpec) -> Made {
    let made = Made::Instance { name: machine.name.clone(), launch: machine.launch().to_owned() };
    cx.scope.ledger.push(made.clone());
    made
}

/// Sends the request for a machine that has been noted.
pub(crate) async fn begin(
    cx: &Context,
    machine: &MachineSpec,
    source: Source,
    start: bool,
) -> cci_incus::Result<Operation> {
    cx.client.create_instance(&request(machine, source, start)).await
}

/// Creates it and waits for that; returns its ledger entry.
pub(crate) async fn create(
    cx: &Context,
    machine: &MachineSpec,
    source: Source,
    start: bool,
    step: &'static str,
    limit: Duration,
) -> cci_incus::Result<Made> {
    let made = note(cx, machine);
    let operation = begin(cx, machine, source, start).await?;
    operation.wait_with_progress(step, limit, incus_progress(cx, Activity::Create { step })).await?;
    Ok(made)
}
