//! `compare`: what became of forks, side by side.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cci_core::checkpoint::{Node, Tree};
use cci_core::{Error, Result};
use cci_guest::account::Account;
use cci_guest::layout::WORKSPACE;
use cci_incus::Exec;
use futures_util::future::{join_all, try_join_all};
use jiff::Timestamp;

use super::contents::{self, Place};
use super::files::{self, Differing};
use super::forks;
use super::linked::GIT;
use super::opened::Opened;
use super::subject::{self, Subject};
use crate::blocking::blocking;
use crate::context::Context;
use crate::event::CheckpointEvent;
use crate::incus_error::DuringStep;
use crate::launch;
use crate::session::resume;
use crate::site::host_path;
use cci_host::store::checkpoints::Origin;

/// How long git may take to count.
const COUNT: Duration = Duration::from_secs(60);
/// How long the command may take; whoever waits can interrupt it before.
const RUN: Duration = Duration::from_secs(24 * 60 * 60);

/// What became of a fork.
#[derive(Debug)]
pub struct Compared {
    /// The fork.
    pub fork: Origin,
    /// Its container, if that runs.
    pub container: Option<String>,
    /// The files that differ from the checkpoint, without those of git; `None` if the checkpoint is gone.
    pub differing: Option<Vec<Differing>>,
    /// How many commits there are since; `None` without a repository, or without a container in which to count.
    pub commits: Option<u64>,
    /// How many prompts and tokens; `None` if the agent's transcript does not tell.
    pub said: Option<(u64, u64)>,
    /// How long ago it was made.
    pub seconds: u64,
    /// The exit status of the command; `None` if there was none, or no container to run it in.
    pub status: Option<u8>,
}

/// Compares these forks, and runs a command in the container of each, in all at once.
pub async fn compare(cx: &Context, forks: Vec<Origin>, run: Option<&str>) -> Result<Vec<Compared>> {
    let mut seen = Vec::new();
    for fork in forks {
        let own = forks::context(cx, &fork);
        let running = running(&own).await?;
        seen.push((fork, own, running));
    }
    // the command can change files, so it comes first
    let statuses = join_all(seen.iter().map(|(_, own, running)| status(own, running.as_deref(), run)));
    let statuses: Vec<Option<u8>> = cx.scope.until_cancelled(async { Ok(statuses.await) }).await?;
    let opened = Opened::despite_journal(cx).await?;
    let seen = seen.into_iter().zip(statuses);
    let compared = seen.map(|((fork, own, container), status)| one(own, &opened, fork, container, status));
    cx.scope.until_cancelled(try_join_all(compared)).await
}

async fn one(
    cx: Context,
    opened: &Opened,
    fork: Origin,
    container: Option<String>,
    status: Option<u8>,
) -> Result<Compared> {
    let node = opened.nodes.get(&fork.checkpoint);
    let (differing, commits, said) =
        tokio::join!(differing(&cx, opened, node), commits(&cx, opened, node, container.as_deref()), said(&cx, &fork),);
    let seconds = fork.at.parse().map_or(0, |at: Timestamp| Timestamp::now().duration_since(at).as_secs());
    let seconds = u64::try_from(seconds).unwrap_or_default();
    Ok(Compared { differing: differing?, commits: commits?, said: said?, seconds, status, container, fork })
}

/// The container of a fork that runs.
async fn running(cx: &Context) -> Result<Option<String>> {
    let running = subject::containers(cx).await?.into_iter().find(crate::instance::ownership::Owned::runs);
    Ok(running.map(|owned| owned.instance.name))
}

/// Runs the command as the agent's user; a container that fails to run it is told of, and the others go on.
async fn status(cx: &Context, container: Option<&str>, run: Option<&str>) -> Option<u8> {
    let (name, command) = (container?, run?);
    let exec = as_agent(cx, &["bash", "-lc", command]);
    match cx.client.exec_captured(name, &exec, &[], RUN).await.during("run the command") {
        Ok(done) => u8::try_from(done.status).ok().or(Some(u8::MAX)),
        Err(error) => {
            cx.emit(CheckpointEvent::NotRun { container: name.to_owned(), error });
            None
        }
    }
}

fn as_agent(cx: &Context, words: &[&str]) -> Exec {
    let account = Account::agent(cx.settings.incus.agent_uid);
    Exec {
        command: words.iter().map(|word| (*word).to_owned()).collect(),
        environment: account.environment,
        cwd: Some(WORKSPACE.to_owned()),
        user: Some(account.uid),
        group: Some(account.gid),
        tty: None,
    }
}

/// The files that differ from the checkpoint.
async fn differing(cx: &Context, opened: &Opened, node: Option<&Node>) -> Result<Option<Vec<Differing>>> {
    let Some(before) = node.and_then(|node| node.tree.clone()) else { return Ok(None) };
    let root = host_path::real_workspace(cx).await?;
    let place = Place::workspace(&root, &cx.settings.checkpoints, opened.kept.cache(&cx.workspace));
    let store = Arc::clone(&opened.store);
    blocking(move || {
        let after: Tree = contents::tree(&place.capture(&store)?);
        let changes = files::changes(&store, &before, &after)?;
        let own = changes.into_iter().filter(|change| !change.path.starts_with(GIT) && change.path != Path::new(""));
        own.map(|change| files::read(&store, change)).collect::<Result<_>>().map(Some)
    })
    .await
}

/// How many commits there are since the checkpoint: counted by git in the container, where it harms nobody.
async fn commits(cx: &Context, opened: &Opened, node: Option<&Node>, container: Option<&str>) -> Result<Option<u64>> {
    let (Some(node), Some(name)) = (node, container) else { return Ok(None) };
    let Some(base) = base(opened, node).await? else { return Ok(None) };
    let exec = as_agent(cx, &["git", "rev-list", "--count", &format!("{base}..HEAD"), "--"]);
    let done = cx.client.exec_captured(name, &exec, &[], COUNT).await.during("count the commits")?;
    let counted = std::str::from_utf8(&done.stdout).ok().and_then(|said| said.trim().parse().ok());
    Ok(counted.filter(|_| done.status == 0))
}

/// The commit that a checkpoint was at.
async fn base(opened: &Opened, node: &Node) -> Result<Option<String>> {
    if let Some(git) = &node.git {
        return Ok(Some(git.commit.clone()));
    }
    let Some(tree) = node.tree.clone() else { return Ok(None) };
    let store = Arc::clone(&opened.store);
    blocking(move || {
        let snapshot = contents::snapshot(&tree.tree, &tree.stat)?;
        store.commit(&snapshot, Path::new(GIT)).map_err(contents::failed)
    })
    .await
}

/// How many prompts and tokens there were since.
async fn said(cx: &Context, fork: &Origin) -> Result<Option<(u64, u64)>> {
    let latest = match resume::latest(cx).await {
        Ok(saved) => Subject { container: None, session: Some(saved) },
        Err(Error::NoSession { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(id) = latest.session_id() else { return Ok(None) };
    let (store, since) = (launch::store(cx), fork.at.clone());
    let said = blocking(move || Ok(store.said_since(id, &since))).await?;
    Ok(said.map(|said| (said.prompts, said.tokens)))
}
