//! The containers of cci in the project, by their marks: what `list`, `attach` and the ends choose from.

use cci_core::mark::{Kind, Marks};
use cci_core::{Error, Result};
use cci_incus::{Instance, Status};

use super::context::Context;
use super::incus_error::DuringStep;

/// An instance that cci made, with what cci wrote on it.
#[derive(Debug, Clone)]
pub(crate) struct Owned {
    pub(crate) instance: Instance,
    pub(crate) marks: Marks,
}

impl Owned {
    /// Whether it runs (frozen counts: it can be gone back to).
    pub(crate) fn runs(&self) -> bool {
        matches!(self.instance.status_code, Status::Running | Status::Frozen)
    }
}

/// Whether an instance has run at least once: one that never did is still being made by the launch that claimed it.
pub(crate) fn was_started(instance: &Instance) -> bool {
    let used = instance.last_used_at.as_str();
    !(used.is_empty() || used.starts_with("1970-") || used.starts_with("0001-"))
}

/// The caller's own containers under the prefix, by name.
pub(crate) async fn all(cx: &Context) -> Result<Vec<Owned>> {
    let instances = cx.client.instances().await.during("list the containers")?;
    let mut owned: Vec<Owned> = instances.into_iter().filter_map(|instance| ours(cx, instance)).collect();
    owned.sort_by(|a, b| a.instance.name.cmp(&b.instance.name));
    Ok(owned)
}

/// One container by its full name; somebody else's is as good as absent.
pub(crate) async fn one(cx: &Context, name: &str) -> Result<Owned> {
    let not_found = || Error::ContainerNotFound { name: name.to_owned() };
    match cx.client.instance(name).await {
        Ok((instance, _)) => ours(cx, instance).ok_or_else(not_found),
        Err(error) if error.is_not_found() => Err(not_found()),
        Err(error) => Err(error).during("look at the container"),
    }
}

fn ours(cx: &Context, instance: Instance) -> Option<Owned> {
    let marks = Marks::from_config(&instance.config)?;
    let mine = marks.owner_uid == cx.caller.ids.uid;
    let shown = mine && marks.kind != Kind::Build && instance.name.starts_with(cx.prefix.as_str());
    shown.then_some(Owned { instance, marks })
}
