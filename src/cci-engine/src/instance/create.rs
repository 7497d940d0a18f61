//! The one way to create an instance: noted in the ledger before the request that creates it.

use std::time::Duration;

use cci_core::machine::{Container, MachineSpec, container};
use cci_incus::{Client, Device, NewInstance, Operation, Source};

use super::original::Original;
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

/// The request that creates it with the root file system of another: Incus copies whatever the request does not
/// replace, so every key and device of the original is replaced, by nothing if the machine has none of that name.
pub(crate) fn copy_request(machine: &MachineSpec, original: &Original, start: bool) -> NewInstance {
    let mut new = request(machine, original.source(), start);
    for key in original.own_keys() {
        new.config.entry(key.to_owned()).or_default();
    }
    for device in original.instance.devices.keys() {
        new.devices.entry(device.clone()).or_insert_with(Device::none);
    }
    new.profiles = Some(original.profiles.clone());
    new
}

/// Notes a machine that is about to be created, so that a failure or a kill does not leave it behind.
pub(crate) fn note(cx: &Context, machine: &MachineSpec) -> Made {
    let made = Made::Instance { name: machine.name.clone(), launch: machine.launch().to_owned() };
    cx.scope.ledger.push(made.clone());
    made
}

/// Sends the request for a machine that has been noted.
pub(crate) async fn begin(client: &Client, new: &NewInstance) -> cci_incus::Result<Operation> {
    client.create_instance(new).await
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
    let operation = begin(&cx.client, &request(machine, source, start)).await?;
    operation.wait_with_progress(step, limit, incus_progress(cx, Activity::Create { step })).await?;
    Ok(made)
}
