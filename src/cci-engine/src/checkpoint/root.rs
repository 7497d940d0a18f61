//! Keeps a container's root file system: copied into a stopped container of its own, where neither the end of the
//! container nor anything in it reaches it.
//!
//! The running container itself is copied: on a pool with copy-on-write that takes no longer than a snapshot of it. A
//! snapshot would have to be copied and removed as well, and Incus writes to the container's volume when it takes or
//! removes one: if the container is just being deleted, that leaves a directory in the pool that no request removes.

use std::path::PathBuf;
use std::time::Duration;

use cci_core::checkpoint::{CheckpointId, Pool, Root};
use cci_core::machine::MachineSpec;
use cci_core::mark::Marks;
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use cci_incus::device::root_disk;
use cci_incus::{Client, Disk, Instance, InstancePut, NewInstance};

use super::place;
use crate::blocking::blocking;
use crate::context::Context;
use crate::incus_error::{DuringStep, translate};
use crate::instance::create::{begin, copy_request};
use crate::instance::original::{Original, is_kept};
use crate::instance::ownership::{self, Owned};
use crate::launch::launch_mark;
use crate::ledger::Made;
use cci_host::store::checkpoints::Checkpoints;

/// How long Incus may take for a copy: a pool without copy-on-write copies every file.
const COPY: Duration = Duration::from_secs(20 * 60);
/// How long it may take to write down what a copy is.
const CHANGE: Duration = Duration::from_secs(60);

/// A container whose root file system is to be kept.
#[derive(Debug, Clone)]
pub struct Subject(Owned);

/// A copy that is about to be made: all that can be done before the container stands still.
#[derive(Debug)]
pub struct Prepared {
    container: String,
    client: Client,
    machine: MachineSpec,
    new: NewInstance,
    image: Option<String>,
}

/// A copy that has been made: it cannot start, and still names the container's devices, as devices of no type.
#[derive(Debug)]
pub struct Copied(Prepared);

/// Finds the container: do this before anything stands still.
pub async fn subject(cx: &Context, container: &str) -> Result<Subject> {
    ownership::one(cx, container).await.map(Subject)
}

/// A container that has been found already.
#[must_use]
pub(crate) fn subject_of(owned: Owned) -> Subject {
    Subject(owned)
}

impl Subject {
    /// What the container is for.
    #[must_use]
    pub fn marks(&self) -> &Marks {
        &self.0.marks
    }

    /// Whether it runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.0.runs()
    }
}

/// What a copy of the container costs in its storage pool.
pub async fn pool(cx: &Context, subject: &Subject) -> Result<Pool> {
    let name = disk(&subject.0.instance)?.pool.unwrap_or_default();
    let (pool, _) = cx.client.storage_pool(&name).await.during("read the storage pool")?;
    Ok(Pool::of(&pool.driver, &pool.config))
}

/// Prepares a copy of the container, which may run. The copy is rolled back with the call, unless the checkpoint has
/// been recorded by then.
pub async fn prepared(cx: &Context, subject: &Subject, id: &CheckpointId) -> Result<Prepared> {
    let Subject(Owned { instance, marks }) = subject;
    let (client, launch) = (place::ensured(cx).await?, launch_mark());
    let marked = marks.of_checkpoint(id, &cx.cci_dir(), &launch);
    let machine = MachineSpec::held(id.instance(), marked, disk(instance)?);
    cx.scope.ledger.push(Made::Root {
        project: client.project().to_owned(),
        name: machine.name.clone(),
        launch,
        record: record(cx, marks, id).await?,
    });
    let original = Original { instance: instance.clone(), profiles: Vec::new() };
    let new = copy_request(&machine, &original, false);
    Ok(Prepared { container: instance.name.clone(), client, machine, new, image: marks.image.clone() })
}

/// Makes the copy: what it holds is what the container was while this ran.
pub async fn copied(prepared: Prepared) -> Result<Copied> {
    let step = "copy the container";
    let copied = async { begin(&prepared.client, &prepared.new).await?.wait(step, COPY).await };
    match copied.await {
        Ok(_) => Ok(Copied(prepared)),
        // one that has ended meanwhile has no root file system to keep
        Err(error) if error.is_not_found() => Err(Error::ContainerNotFound { name: prepared.container }),
        Err(error) => Err(translate(error, step)),
    }
}

impl Copied {
    /// What the checkpoint's record names.
    #[must_use]
    pub fn root(&self) -> Root {
        let Prepared { client, machine, image, .. } = &self.0;
        Root { instance: machine.name.clone(), project: client.project().to_owned(), image: image.clone() }
    }
}

/// Completes the copy, as [`sealed`] does, and returns what the checkpoint's record names.
pub async fn kept(copied: Copied) -> Result<Root> {
    let root = copied.root();
    sealed(copied).await.map(|()| root)
}

/// Removes what the copy still names of the container: it cannot start in any case, and what is launched from it gets
/// none of that.
pub async fn sealed(copied: Copied) -> Result<()> {
    let Copied(Prepared { client, machine, .. }) = copied;
    seal(&client, &machine).await
}

/// Where the record of a checkpoint is written: a copy without one belongs to nobody.
async fn record(cx: &Context, marks: &Marks, id: &CheckpointId) -> Result<PathBuf> {
    let workspace = marks.workspace.as_ref().map_or_else(|| cx.workspace.clone(), Workspace::at);
    let (cci_dir, id) = (cx.cci_dir(), id.clone());
    blocking(move || Ok(Checkpoints::of(&cci_dir, &workspace)?.place(&id))).await
}

/// Removes the devices that the copy had to replace by none: a container made from it is to have only its own.
async fn seal(client: &Client, machine: &MachineSpec) -> Result<()> {
    let step = "configure the container";
    let sealed = async {
        let (copy, _) = client.instance(&machine.name).await?;
        let wanted = cci_core::machine::container(machine);
        let mut put = InstancePut::from(copy);
        put.config.retain(|key, _| is_kept(key));
        put.config.extend(wanted.config);
        put.devices = wanted.devices;
        client.put_instance(&machine.name, &put, None).await?.wait(step, CHANGE).await
    };
    sealed.await.map(drop).during(step)
}

/// The root disk as the container has it, by its own configuration or by a profile's.
fn disk(instance: &Instance) -> Result<Disk> {
    let disk = root_disk(&instance.expanded_devices).cloned();
    disk.ok_or_else(|| Error::Internal(format!("container {} has no root disk", instance.name)))
}
