//! The Incus project in which the root file systems of checkpoints are: made when the first one is kept.

use cci_core::Result;
use cci_core::checkpoint::project_for;
use cci_core::mark;
use cci_incus::{Client, NewProject, Project};

use crate::context::Context;
use crate::incus_error::DuringStep;

/// What would give the project images, profiles, volumes and networks of its own: it shares those of the default one.
const FEATURES: [&str; 6] = [
    "features.images",
    "features.networks",
    "features.networks.zones",
    "features.profiles",
    "features.storage.buckets",
    "features.storage.volumes",
];
const STEP: &str = "make the project of the checkpoints";

/// A client of the project that takes a new one, which is made if it is missing. Where the caller may make none, or
/// somebody else has one of that name, that is the caller's own project.
pub(super) async fn ensured(cx: &Context) -> Result<Client> {
    let name = project_for(cx.client.project());
    let refused = match cx.client.get_project(&name).await {
        Ok((project, _)) => return Ok(chosen(cx, &project)),
        Err(error) if error.is_not_found() => match cx.client.create_project(&new(&name)).await {
            Ok(()) => return Ok(cx.client.in_project(&name)),
            Err(error) => error,
        },
        Err(error) => error,
    };
    // another command may have made it in the same moment, which Incus reports in more than one way
    match cx.client.get_project(&name).await {
        Ok((project, _)) => Ok(chosen(cx, &project)),
        Err(error) if refused.is_forbidden() || error.is_forbidden() => Ok(cx.client.clone()),
        Err(_) => Err(refused).during(STEP),
    }
}

/// Whether a project may have some: the one of the checkpoints, and the caller's own.
pub(super) fn may_have(cx: &Context, project: &str) -> bool {
    project == cx.client.project() || project == project_for(cx.client.project())
}

/// Whether a project was made for checkpoints: cci makes no others.
pub(crate) fn is_of_checkpoints(project: &Project) -> bool {
    mark::is_managed(&project.config)
}

fn chosen(cx: &Context, project: &Project) -> Client {
    if is_of_checkpoints(project) { cx.client.in_project(&project.name) } else { cx.client.clone() }
}

fn new(name: &str) -> NewProject {
    let features = FEATURES.map(|feature| (feature.to_owned(), "false".to_owned()));
    let config = features.into_iter().chain([(mark::MANAGED.to_owned(), "true".to_owned())]).collect();
    NewProject { name: name.to_owned(), description: "root file systems of cci's checkpoints".to_owned(), config }
}
