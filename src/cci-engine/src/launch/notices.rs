//! What the user should know before anything is created: of the workspace its repository and its other names, of its
//! mounts what is out of the agent's reach.

use cci_core::Result;
use cci_core::git_device::is_of_git;
use cci_core::plan::{LaunchPlan, PLACE};

use super::facts::Survey;
use super::reach;
use crate::blocking::blocking;
use crate::context::Context;
use crate::event::LaunchEvent;
use crate::instance::also_named;
use crate::site::host_path;
use cci_host::git;

/// Reports it, with the plan's warnings.
pub(crate) async fn tell(cx: &Context, plan: &LaunchPlan, survey: &Survey) -> Result<()> {
    for warning in &plan.warnings {
        cx.emit(LaunchEvent::Warning(*warning));
    }
    for (file, problem) in &survey.git.problems {
        cx.emit(LaunchEvent::GitConfigUnread { file: file.clone(), problem: problem.clone() });
    }
    if let Some(elsewhere) = repository(cx, survey).await? {
        cx.emit(LaunchEvent::RepositoryElsewhere(elsewhere));
    }
    survey.links.tell(cx);
    reach::tell_all(cx, survey).await?;
    also_named::report(cx, &survey.instances).await
}

/// Why git does not work inside.
async fn repository(cx: &Context, survey: &Survey) -> Result<Option<git::Elsewhere>> {
    let Some(workspace) = &survey.host.workspace else { return Ok(None) };
    // what is shown at its place on the host is what git needs there
    let of_git = &survey.host.git.mounts;
    let is_there = survey.host.mounts.iter().chain(of_git).any(|mount| mount.container == workspace.as_str());
    if is_there && of_git.iter().any(|mount| mount.device == PLACE || is_of_git(&mount.device)) {
        return Ok(None);
    }
    let workspace = workspace.path().to_owned();
    let mounts: Vec<_> = survey.host.mounts.iter().chain(&survey.host.git.mounts).cloned().collect();
    let home = cx.caller.home.clone();
    let look = move || {
        let mounted: Vec<&str> = mounts.iter().map(|mount| mount.container.as_str()).collect();
        Ok(git::elsewhere(&workspace, &host_path::real(&home), &mounted))
    };
    cx.scope.until_cancelled(blocking(look)).await
}
