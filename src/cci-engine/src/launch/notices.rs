//! What the user should know before anything is created: of the workspace its repository and its other names, of its
//! mounts what is out of the agent's reach.

use cci_core::plan::LaunchPlan;

use super::facts::Survey;
use super::reach;
use crate::blocking::blocking;
use crate::context::Context;
use crate::event::LaunchEvent;
use crate::instance::also_named;
use crate::site::host_path;
use cci_host::git;

/// Reports it, with the plan's warnings.
pub(crate) async fn tell(cx: &Context, plan: &LaunchPlan, survey: &Survey) {
    for warning in &plan.warnings {
        cx.emit(LaunchEvent::Warning(*warning));
    }
    for (file, problem) in &survey.git.problems {
        cx.emit(LaunchEvent::GitConfigUnread { file: file.clone(), problem: problem.clone() });
    }
    if let Some(elsewhere) = repository(cx, survey).await {
        cx.emit(LaunchEvent::RepositoryElsewhere(elsewhere));
    }
    reach::tell_all(cx, survey);
    for named in also_named::found(cx, &survey.instances) {
        cx.emit(named);
    }
}

/// Why git does not work inside.
async fn repository(cx: &Context, survey: &Survey) -> Option<git::Elsewhere> {
    let workspace = survey.host.workspace.as_ref()?.path().to_owned();
    let (home, mounts) = (host_path::real(&cx.caller.home), survey.host.mounts.clone());
    let look = move || {
        let mounted: Vec<&str> = mounts.iter().map(|mount| mount.container.as_str()).collect();
        Ok(git::elsewhere(&workspace, &home, &mounted))
    };
    blocking(look).await.ok().flatten()
}
