//! Puts a container with the root file system of a checkpoint into the place of the one that there is.

use cci_core::plan::LaunchPlan;
use cci_core::slot::Slot;
use cci_core::{Error, Result};

use super::create::create;
use super::facts::Survey;
use super::launched::{Launched, Tried};
use crate::context::Context;
use crate::instance::ownership::{self, Owned};
use crate::instance::remove::remove_launched;
use crate::session::state_volume;

/// Ends the caller's container in a slot, whatever it does and however long it was to live, and launches one by this
/// plan in its place. A survey that was made [`Survey::from_root`] decides what it is made from.
#[tracing::instrument(name = "restore", skip_all)]
pub async fn restore(cx: &Context, plan: &LaunchPlan, slot: Slot, survey: &Survey) -> Result<Launched> {
    state_volume::make(cx, plan).await?;
    let name = plan.name(slot).to_string();
    match ownership::one(cx, &name).await {
        Ok(Owned { instance, marks }) => drop(remove_launched(&cx.client, &instance.name, &marks.launch).await?),
        Err(Error::ContainerNotFound { .. }) => {}
        Err(error) => return Err(error),
    }
    match create(cx, plan, slot, survey).await? {
        Tried::Ours(launched) => {
            survey.policy_check.holds_for(cx, &launched.plan).await?;
            Ok(*launched)
        }
        Tried::Lost => Err(Error::ContainerExists { name }),
    }
}
