//! Creates a container without a workspace: the same network, limits and labels as a session's.

use cci_core::plan::{Ask, LaunchPlan, Roots};
use cci_core::slot::Slot;
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use cci_host::settings::Overrule;

use super::create::make;
use super::egress;
use super::facts::{Subject, survey};
use super::launch_mark;
use crate::context::Context;

/// Creates and starts `name` from `image`; an existing instance of that name is left alone.
pub async fn standalone(cx: &Context, image: &str, name: &str, ephemeral: bool) -> Result<()> {
    let image = Some(image.to_owned());
    let overrule = Overrule { image, persistent: Some(!ephemeral), ..Overrule::default() };
    let cx = cx.with_stack(cx.stack.overruled(overrule))?;
    let found = survey(&cx, Subject::Nothing).await?;
    if found.instances.iter().any(|other| other.name == name) {
        return Err(Error::ContainerExists { name: name.to_owned() });
    }
    let ask = Ask {
        prefix: cx.prefix.clone(),
        // its name determines its address in the network
        workspace: Workspace::at(format!("/{name}")),
        owner_uid: cx.caller.ids.uid,
        launch: launch_mark(),
        session: None,
        sockets: None,
        roots: Roots::OfImage,
        login: std::collections::BTreeMap::new(),
        environment: cx.environment.clone(),
    };
    let plan = LaunchPlan::new(&ask, &cx.settings, &found.host)?;
    match make(&cx, &plan, &found, |plan| plan.standalone(name, ephemeral)).await? {
        Some(plan) => {
            super::note_ids(&cx, name).await;
            found.policy_check.holds_for(&cx, &plan).await?;
            egress::open(&cx, &plan, name, Slot::FIRST).await.map(drop)
        }
        None => Err(Error::ContainerExists { name: name.to_owned() }),
    }
}
