//! The forks of a workspace: found by name, container or path, and removed.

use std::path::{Path, PathBuf};

use cci_core::mark::LAUNCH;
use cci_core::name::ContainerName;
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};

use super::subject;
use crate::blocking::blocking;
use crate::context::Context;
use crate::event::CheckpointEvent;
use crate::instance::remove::remove_launched;
use crate::upkeep::reclaim;
use cci_host::store::checkpoints::{Checkpoints, Origin};
use cci_host::store::forks::Fork;

/// How many names an error lists.
const LISTED: usize = 5;

/// What was removed of a fork.
#[derive(Debug, Clone)]
pub struct Removed {
    /// Its name.
    pub name: String,
    /// Its containers.
    pub containers: Vec<String>,
    /// Its branch, if that stays because it has commits of its own.
    pub branch: Option<String>,
}

/// The name of a fork: that of its directory.
#[must_use]
pub fn name(fork: &Origin) -> String {
    fork.fork.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The call in the workspace of a fork.
pub(crate) fn context(cx: &Context, fork: &Origin) -> Context {
    Context { workspace: Workspace::at(&fork.fork), ..cx.clone() }
}

/// All forks of this workspace, by name; of a fork, all those of its origin.
pub async fn all(cx: &Context) -> Result<Vec<Origin>> {
    let origin = origin(cx)?;
    let forks = noted(cx).await?;
    Ok(forks.into_iter().filter(|fork| fork.workspace == origin).collect())
}

/// The forks that are meant by these words; all of this workspace's if there is none.
pub async fn chosen(cx: &Context, given: &[String]) -> Result<Vec<Origin>> {
    if given.is_empty() {
        return all(cx).await;
    }
    let forks = noted(cx).await?;
    let mut chosen: Vec<Origin> = Vec::new();
    for word in given {
        let fork = one_of(cx, &forks, word)?;
        if !chosen.contains(fork) {
            chosen.push(fork.clone());
        }
    }
    Ok(chosen)
}

/// The workspace that this one's forks come from: itself, or the origin that it has.
fn origin(cx: &Context) -> Result<PathBuf> {
    let origin = Checkpoints::origin_of(&cx.cci_dir(), &cx.workspace)?;
    Ok(origin.map_or_else(|| cx.workspace.path().to_owned(), |origin| origin.workspace))
}

async fn noted(cx: &Context) -> Result<Vec<Origin>> {
    let cci_dir = cx.cci_dir();
    blocking(move || Checkpoints::forks(&cci_dir)).await
}

fn one_of<'a>(cx: &Context, forks: &'a [Origin], given: &str) -> Result<&'a Origin> {
    let origin = origin(cx)?;
    let path = Workspace::resolve(&cx.caller.current_dir, Path::new(given));
    let hash = ContainerName::parse(&cx.prefix, given).map(|name| name.workspace()).ok();
    let is_meant = |fork: &&Origin| {
        let workspace = Workspace::at(&fork.fork);
        name(fork) == given || workspace.path() == path.path() || Some(workspace.hash()) == hash
    };
    match forks.iter().find(is_meant) {
        Some(fork) if fork.workspace == origin => Ok(fork),
        Some(fork) => Err(Error::ForkElsewhere { name: name(fork), workspace: fork.workspace.clone() }),
        None => {
            let mut near: Vec<String> = forks.iter().filter(|fork| fork.workspace == origin).map(name).collect();
            near.sort_by_key(|name| std::cmp::Reverse(alike(name, given)));
            near.truncate(LISTED);
            Err(Error::ForkNotFound { given: given.to_owned(), near })
        }
    }
}

/// How many signs two names have in common at the same places.
fn alike(one: &str, other: &str) -> usize {
    one.chars().zip(other.chars()).filter(|(a, b)| a == b).count()
}

/// Removes forks with their containers; what was said in them stays among the sessions, and their checkpoints among
/// those of the origin.
pub async fn remove(cx: &Context, forks: &[Origin]) -> Result<Vec<Removed>> {
    let mut removed = Vec::new();
    for fork in forks {
        let own = context(cx, fork);
        let mut containers = Vec::new();
        for owned in subject::containers(&own).await? {
            let launch = owned.instance.config.get(LAUNCH).map(String::as_str).unwrap_or_default();
            cx.emit(CheckpointEvent::EndingContainer { container: owned.instance.name.clone() });
            remove_launched(&cx.client, &owned.instance.name, launch).await?;
            containers.push(owned.instance.name);
        }
        let branch_stays = directories(&own, fork).await?;
        let branch = fork.linked.as_ref().filter(|_| branch_stays).map(|linked| linked.branch.clone());
        removed.push(Removed { name: name(fork), containers, branch });
    }
    Ok(removed)
}

/// Removes what is on the host; files of a container's root are taken over first where that is needed.
async fn directories(cx: &Context, fork: &Origin) -> Result<bool> {
    let once = || {
        let (cci_dir, fork) = (cx.cci_dir(), fork.clone());
        cx.scope.writing(move || {
            let all = Fork { workspace: &fork.fork, linked: fork.linked.as_ref() };
            all.remove(&cci_dir).map(|(_, branch_stays)| branch_stays)
        })
    };
    match once().await {
        Err(Error::Host { .. }) if cx.workspace.path().is_dir() && reclaim::reclaim(cx).await? > 0 => once().await,
        done => done,
    }
}
