//! Ownership of containers: the only way by which a verb finds one, by its name or among all of the caller's.

use cci_core::mark::{self, Kind, Marks};
use cci_core::{Error, Result};
use cci_incus::{Etag, Instance, Status};

use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::instance::ending;

/// An instance that cci created, with its labels.
#[derive(Debug, Clone)]
pub struct Owned {
    /// The container as Incus has it.
    pub instance: Instance,
    /// The labels that cci gave it when it was created.
    pub marks: Marks,
}

impl Owned {
    /// Whether it runs (frozen counts: it can be resumed).
    #[must_use]
    pub fn runs(&self) -> bool {
        matches!(self.instance.status_code, Status::Running | Status::Frozen)
    }
}

/// Whether an instance has run at least once: one that never did is still being created by the launch that claimed it.
pub(crate) fn was_started(instance: &Instance) -> bool {
    let used = instance.last_used_at.as_str();
    !(used.is_empty() || used.starts_with("1970-") || used.starts_with("0001-"))
}

/// Whose containers to consider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The caller's.
    Own,
    /// Every user's.
    Everybodys,
}

/// The caller's own containers under the prefix, by name, without those that are being removed.
pub async fn all(cx: &Context) -> Result<Vec<Owned>> {
    all_of(cx, Whose::Own).await
}

/// The same of one user or of all.
pub(crate) async fn all_of(cx: &Context, whose: Whose) -> Result<Vec<Owned>> {
    let (instances, ending) = tokio::join!(cx.client.instances(), ending::ending(&cx.client));
    let (instances, ending) = (instances.during("list the containers")?, ending?);
    let shown = instances.into_iter().filter_map(|instance| managed(cx, instance, whose));
    let mut owned: Vec<Owned> = shown.filter(|owned| !ending.takes(&owned.instance)).collect();
    owned.sort_by(|a, b| a.instance.name.cmp(&b.instance.name));
    Ok(owned)
}

/// Finds a container of the project by its full name: the one way to it for every verb that takes a name.
///
/// One with cci's labels belongs to its owner; root may act on it too, and anyone with `--any-owner`. One without
/// labels belongs to everyone who may use the socket.
pub(crate) async fn find(cx: &Context, name: &str) -> Result<Instance> {
    find_tagged(cx, name).await.map(|(instance, _)| instance)
}

/// The same with its version, to change it only if it is unchanged.
pub(crate) async fn find_tagged(cx: &Context, name: &str) -> Result<(Instance, Etag)> {
    let (instance, etag) = match cx.client.instance(name).await {
        Ok(found) => found,
        Err(error) if error.is_not_found() => return Err(not_found(name)),
        Err(error) => return Err(error).during("look at the container"),
    };
    if is_held(&instance) {
        return Err(not_found(name));
    }
    refuse_anothers(cx, &instance)?;
    Ok((instance, etag))
}

/// The same, or an error that it is not running.
pub(crate) async fn find_running(cx: &Context, name: &str) -> Result<Instance> {
    let instance = find(cx, name).await?;
    if instance.status_code == Status::Running {
        Ok(instance)
    } else {
        Err(Error::ContainerNotRunning { name: name.to_owned() })
    }
}

/// One of cci's containers by its full name, which need not begin with the prefix.
pub(crate) async fn one(cx: &Context, name: &str) -> Result<Owned> {
    marked(find(cx, name).await?).ok_or_else(|| not_found(name))
}

fn not_found(name: &str) -> Error {
    Error::ContainerNotFound { name: name.to_owned() }
}

/// A container whose labels do not name an owner belongs to nobody.
fn refuse_anothers(cx: &Context, instance: &Instance) -> Result<()> {
    let free = cx.caller.ids.uid == 0 || cx.any_owner || !mark::is_marked(&instance.config);
    let owner = mark::owner(&instance.config);
    if free || owner == Some(cx.caller.ids.uid) {
        return Ok(());
    }
    let owner = owner.map_or_else(|| "another user".to_owned(), |uid| format!("user {uid}"));
    Err(Error::NotOwner {
        problem: format!("container {} belongs to {owner}", instance.name),
        hint: Some("`cci container` and `cci file` act on it with --any-owner; every verb does as root".into()),
    })
}

fn managed(cx: &Context, instance: Instance, whose: Whose) -> Option<Owned> {
    let owned = marked(instance)?;
    let meant = whose == Whose::Everybodys || owned.marks.owner_uid == cx.caller.ids.uid;
    (meant && owned.instance.name.starts_with(cx.prefix.as_str())).then_some(owned)
}

/// What a launch made; a build's container is nobody's to use, and a checkpoint's is none.
fn marked(instance: Instance) -> Option<Owned> {
    let marks = Marks::from_config(&instance.config)?;
    let launched = match marks.kind {
        Kind::Session | Kind::Plain => true,
        Kind::Build | Kind::Checkpoint => false,
    };
    launched.then_some(Owned { instance, marks })
}

/// Whether it only holds the root file system of a checkpoint: no list shows it and no verb takes it.
#[must_use]
pub fn is_held(instance: &Instance) -> bool {
    Marks::from_config(&instance.config).is_some_and(|marks| marks.kind == Kind::Checkpoint)
}
