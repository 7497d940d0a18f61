//! The containers of cci in the project, by their marks: what `list`, `attach` and the ends choose from.

use cci_core::mark::{Kind, Marks};
use cci_core::{Error, Result};
use cci_incus::{Instance, Status};

use super::context::Context;
use super::incus_error::DuringStep;
use super::leaving;

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

/// Whose containers are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The caller's.
    Own,
    /// Every user's.
    Everybodys,
}

/// The caller's own containers under the prefix, by name; one that is on its way out is gone.
pub(crate) async fn all(cx: &Context) -> Result<Vec<Owned>> {
    all_of(cx, Whose::Own).await
}

/// The same of one user or of all.
pub(crate) async fn all_of(cx: &Context, whose: Whose) -> Result<Vec<Owned>> {
    let (instances, leaving) = tokio::join!(cx.client.instances(), leaving::leaving(&cx.client));
    let (instances, leaving) = (instances.during("list the containers")?, leaving?);
    let shown = instances.into_iter().filter_map(|instance| managed(cx, instance, whose));
    let mut owned: Vec<Owned> = shown.filter(|owned| !leaving.takes(&owned.instance)).collect();
    owned.sort_by(|a, b| a.instance.name.cmp(&b.instance.name));
    Ok(owned)
}

/// One container by its full name; somebody else's is as good as absent.
pub(crate) async fn one(cx: &Context, name: &str) -> Result<Owned> {
    one_of(cx, name, Whose::Own).await
}

/// The same where others' are meant too: what is another's, only root may act on.
pub(crate) async fn one_of(cx: &Context, name: &str, whose: Whose) -> Result<Owned> {
    let not_found = || Error::ContainerNotFound { name: name.to_owned() };
    let found = match cx.client.instance(name).await {
        Ok((instance, _)) => managed(cx, instance, whose).ok_or_else(not_found)?,
        Err(error) if error.is_not_found() => return Err(not_found()),
        Err(error) => return Err(error).during("look at the container"),
    };
    if found.marks.owner_uid == cx.caller.ids.uid || cx.caller.ids.uid == 0 {
        return Ok(found);
    }
    Err(Error::Forbidden {
        problem: format!("container {name} belongs to user {}", found.marks.owner_uid),
        hint: Some("only root may act on another user's container".into()),
    })
}

fn managed(cx: &Context, instance: Instance, whose: Whose) -> Option<Owned> {
    let marks = Marks::from_config(&instance.config)?;
    let meant = whose == Whose::Everybodys || marks.owner_uid == cx.caller.ids.uid;
    let shown = meant && marks.kind != Kind::Build && instance.name.starts_with(cx.prefix.as_str());
    shown.then_some(Owned { instance, marks })
}
