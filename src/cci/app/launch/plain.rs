//! Makes a container that belongs to no workspace: the same network, limits and marks as a session's.

use cci_core::mark::LAUNCH;
use cci_core::plan::{Ask, InstanceSpec, LaunchPlan};
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};

use super::create::{STEP, made_by, request};
use super::facts::{Survey, survey};
use super::otherwise::home_refused;
use super::{launch_mark, start_failure};
use crate::app::context::Context;
use crate::app::incus_error::DuringStep;
use crate::app::take_back;
use crate::app::undo::Made;

/// So many addresses are tried: another launch of the same instant can have chosen the same one.
const ADDRESSES: u8 = 4;

/// Makes and starts `name` from `image`; an instance of that name is left alone.
pub(crate) async fn plain(cx: &Context, image: &str, name: &str, ephemeral: bool) -> Result<()> {
    let mut cx = cx.clone();
    image.clone_into(&mut cx.settings.defaults.image);
    let found = survey(&cx).await?;
    if found.instances.iter().any(|other| other.name == name) {
        return Err(Error::ContainerExists { name: name.to_owned() });
    }
    let ask = Ask {
        prefix: cx.prefix.clone(),
        // the place of its address in the network is chosen by its name
        workspace: Workspace::at(format!("/{name}")),
        owner_uid: cx.caller.ids.uid,
        launch: launch_mark(),
        session: None,
        environment: cx.environment.clone(),
    };
    let mut plan = LaunchPlan::new(&ask, &cx.settings, &found.host)?;
    for _ in 1..ADDRESSES {
        plan = match create(&cx, plan.plain(name, ephemeral), &found, &ask.launch).await {
            Err(error @ Error::IncusRefused { .. }) if home_refused(&plan, &error) => {
                plan.beyond_home(None).ok_or(error)?
            }
            Err(error @ Error::IncusRefused { .. }) => plan.elsewhere().ok_or(error)?,
            Err(error) => return Err(error),
            Ok(()) if found.proof.came_late(&cx).await? => plan,
            Ok(()) => return found.proof.holds_for(&cx, &plan).await,
        }
        .again();
        take_back::remove_instance(&cx.client, name, &ask.launch).await?;
    }
    create(&cx, plan.plain(name, ephemeral), &found, &ask.launch).await?;
    found.proof.holds_for(&cx, &plan).await
}

async fn create(cx: &Context, spec: InstanceSpec, survey: &Survey, launch: &str) -> Result<()> {
    let name = spec.name.clone();
    let made = Made::Instance { name: name.clone(), launch: launch.to_owned() };
    cx.undo.push(made.clone());
    let new = request(spec, &survey.fingerprint);
    let Err(error) = made_by(cx, &new, &survey.proof).await else { return Ok(()) };
    match cx.client.instance(&name).await {
        Ok((there, _)) if there.config.get(LAUNCH).is_none_or(|mark| mark != launch) => {
            cx.undo.forget(&made);
            Err(Error::ContainerExists { name })
        }
        Ok(_) => Err(start_failure::explained(cx, &name, error, STEP).await),
        Err(_) => Err(error).during(STEP),
    }
}
