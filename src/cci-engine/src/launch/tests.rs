//! How a launch gets its container, on a daemon in memory.

mod claim;
mod create;
mod egress;
mod refused;
mod reuse;

use cci_core::Result;
use cci_core::plan::{Ask, LaunchPlan, Roots};
use cci_core::slot::{Slot, SlotChoice};

use super::{Launched, Subject, launch_mark, survey};
use crate::context::Context;
use crate::testing::World;

const CREATE: &str = "POST /1.0/instances";
const STATE: &str = "PUT /1.0/instances/*/state";
const IMAGE: &str = "ab12";

/// A world with the image that a launch creates containers from.
fn world(settings: &str) -> World {
    let mode = if settings.contains("[network]") { "" } else { "network.mode = \"open\"\n" };
    let world = World::configured(&format!("{mode}{settings}"));
    world.put_image(IMAGE, &["cci"], &[("cci.resolv", "file")]);
    world
}

/// Launches what `run` would.
pub(crate) async fn launched(cx: &Context, choice: SlotChoice) -> Result<Launched> {
    let survey = survey(cx, Subject::Workspace).await?;
    let ask = Ask {
        prefix: cx.prefix.clone(),
        workspace: cx.workspace.clone(),
        owner_uid: cx.caller.ids.uid,
        launch: launch_mark(),
        session: None,
        sockets: None,
        roots: Roots::OfImage,
        login: std::collections::BTreeMap::new(),
        environment: cx.environment.clone(),
    };
    super::claim(cx, &LaunchPlan::new(&ask, &cx.settings, &survey.host)?, choice, &survey).await
}

fn exactly(number: u8) -> SlotChoice {
    SlotChoice::Exactly(Slot::new(number).unwrap())
}
