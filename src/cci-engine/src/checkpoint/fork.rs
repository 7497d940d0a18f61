//! `fork`: opens a checkpoint in new workspaces, each with a container, a branch and a conversation of its own.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;

use cci_core::checkpoint::{Cause, CheckpointId, Node, Root};
use cci_core::metadata::Metadata;
use cci_core::session::{Resume, SessionId};
use cci_core::slot::SlotChoice;
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use futures_util::future::join_all;

use super::contents::{self, Place};
use super::cost;
use super::inherited;
use super::linked::{self, Apart, State};
use super::opened::{Opened, now};
use super::subject::{self, Subject};
use super::take;
use super::wanted::Wanted;
use super::{roots, running_agent};
use crate::context::Context;
use crate::event::{CheckpointEvent, Event, LaunchEvent, SessionEvent};
use crate::launch;
use crate::ledger::Made;
use crate::reporter::Reporter;
use crate::roll_back;
use crate::session::resume::{self, Given, Network};
use crate::session::shell::{self, Session};
use crate::session::tmux::{self, Input};
use crate::site::host_path;
use cci_host::git::{Added, Linked, Shared};
use cci_host::store::checkpoints::{Checkpoints, Origin, Worktree};
use cci_host::store::forks;

/// How many forks are made at once at most: each is a container.
pub const MOST: usize = 10;
/// How many directories are looked at before no name seems to be free.
const TRIES: usize = 16;

/// What to fork.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The checkpoint; one of now if none is named.
    pub of: Option<String>,
    /// How many.
    pub number: usize,
    /// What each one's agent is told first: nothing, the same, or to each its own.
    pub prompts: Vec<String>,
}

/// A fork, running.
#[derive(Debug, Clone)]
pub struct Forked {
    /// Its name.
    pub name: String,
    /// Its workspace.
    pub workspace: PathBuf,
    /// Its branch in the repository of the origin; none if it has a repository of its own, or none at all.
    pub branch: Option<String>,
    /// Its container.
    pub container: String,
    /// Its conversation.
    pub session: SessionId,
    /// The checkpoint that was opened.
    pub checkpoint: CheckpointId,
    /// Whether its agent got its prompt; true if there was none.
    pub prompted: bool,
}

/// Makes the forks: all of them, or after a failure or an interrupt none.
pub async fn fork(cx: &Context, slot: SlotChoice, asked: &Asked) -> Result<Vec<Forked>> {
    let (opened, from) = roll_back::on_failure(cx, origin(cx, slot, asked.of.as_deref())).await?;
    let calls = (0..asked.number).map(|_| call(cx, &from)).collect::<Result<Vec<Context>>>()?;
    let made = join_all(calls.iter().map(|own| roll_back::on_failure_or_kill(own, one(own, &opened, &from)))).await;
    kept(&calls, made).await
}

/// Gives the agents of new forks their prompts.
pub async fn prompt(cx: &Context, made: Vec<Forked>, prompts: &[String]) -> Vec<Forked> {
    let prompted = made.into_iter().enumerate().map(|(n, fork)| async move {
        let prompt = if prompts.len() == 1 { prompts.first() } else { prompts.get(n) };
        prompt_one(cx, fork, prompt).await
    });
    join_all(prompted).await
}

/// What all the forks are made from.
struct From {
    node: Node,
    snapshot: cci_git::Snapshot,
    /// The workspace whose checkpoints are shared.
    origin: PathBuf,
    /// The session of the checkpoint, as far as it is still known.
    metadata: Option<Metadata>,
    /// What its agent was given on the command line.
    environment: BTreeMap<String, String>,
    root: Option<Root>,
    /// The state of git, and the repository.
    git: Option<(State, PathBuf)>,
    /// Whether `.git` is left out, because it leads to what is another workspace's.
    leaves_git: bool,
}

/// Finds what to fork; takes a checkpoint of now if none is named.
async fn origin(cx: &Context, slot: SlotChoice, of: Option<&str>) -> Result<(Opened, From)> {
    launch::usable(cx)?;
    let (opened, node, subject) =
        if let Some(given) = of { named(cx, slot, given).await? } else { taken(cx, slot).await? };
    let environment = running_agent::environment(cx, &subject).await?;
    let tree = node.tree.as_ref().ok_or_else(|| Error::CheckpointIncomplete {
        id: node.id.clone(),
        part: "workspace",
        problem: "it was not taken".into(),
    })?;
    let snapshot = contents::snapshot(&tree.tree, &tree.stat)?;
    let above = Checkpoints::origin_of(&cx.cci_dir(), &cx.workspace)?;
    let origin = above.as_ref().map_or_else(|| cx.workspace.path().to_owned(), |above| above.workspace.clone());
    let (git, leaves_git) = git(cx, &opened, &node, above.and_then(|above| above.linked)).await?;
    let root = root(cx, &node).await?;
    let metadata = subject.session.map(|saved| saved.metadata);
    Ok((opened, From { node, snapshot, origin, metadata, environment, root, git, leaves_git }))
}

/// The checkpoint that was named, and its session as that is now.
async fn named(cx: &Context, slot: SlotChoice, given: &str) -> Result<(Opened, Node, Subject)> {
    let here = subject::find(cx, slot).await?;
    let opened = Opened::of(cx).await?;
    let session = here.session_id();
    let head = opened.heads.nearest(session, &cx.workspace);
    let node = opened.resolve(given, head)?;
    let subject = match node.session {
        Some(session) => subject::of_session(cx, session).await?,
        None => here,
    };
    Ok((opened, node, subject))
}

/// One of now.
async fn taken(cx: &Context, slot: SlotChoice) -> Result<(Opened, Node, Subject)> {
    let subject = subject::find(cx, slot).await?;
    let mut opened = Opened::of(cx).await?;
    cost::tell_once(cx, &opened, &subject).await?;
    let taken = take::take_of(cx, &mut opened, &subject, &Wanted::because(Cause::Fork), None).await?;
    Ok((opened, taken.node, subject))
}

/// The container's root file system, if it is still there.
async fn root(cx: &Context, node: &Node) -> Result<Option<Root>> {
    if let Some(root) = &node.root
        && roots::exists(cx, root).await?
    {
        return Ok(Some(root.clone()));
    }
    cx.emit(CheckpointEvent::FreshContainer { id: node.id.clone(), was_held: node.root.is_some() });
    Ok(None)
}

/// The state of git and the repository for linked worktrees; says why if there are none. Then the forks have what the
/// checkpoint holds, but for a `.git` that is a file or a link: it would lead them into another workspace.
async fn git(
    cx: &Context,
    opened: &Opened,
    node: &Node,
    linked: Option<Worktree>,
) -> Result<(Option<(State, PathBuf)>, bool)> {
    let state = match linked::of_node(&opened.store, node).await? {
        Ok(state) => state,
        Err(Apart::NoRepository) => return Ok((None, false)),
        Err(why) => {
            cx.emit(CheckpointEvent::ForkedApart(why));
            return Ok((None, why == Apart::Elsewhere));
        }
    };
    let workspace = host_path::real_workspace(cx).await?;
    let path = linked.map_or_else(|| workspace.join(linked::GIT), |linked| linked.repository);
    let failed = |source| Error::Host { step: "open", path: path.clone(), source };
    let why = match Shared::at(&path).map_err(failed)? {
        None => Apart::Elsewhere,
        Some(repository) if !repository.has(&state.commit) => Apart::NoCommit,
        Some(_) if path.to_str().is_none_or(|path| path.contains('\n')) => Apart::Place,
        Some(_) if !launch::git::can_be_mounted(cx, &path) => Apart::Place,
        Some(_) => return Ok((Some((state, path)), true)),
    };
    cx.emit(CheckpointEvent::ForkedApart(why));
    // of a linked worktree there is only the file that leads to the repository
    Ok((None, node.git.is_some()))
}

/// The call of one fork, which is kept or rolled back by itself. It has what the session has, also if nothing was said in
/// that and it begins with a new conversation.
fn call(cx: &Context, from: &From) -> Result<Context> {
    let reporter = Arc::new(OfOne(Arc::clone(&cx.reporter)));
    let cx = cx.with_environment(from.environment.clone());
    let cx = match &from.metadata {
        Some(metadata) => resume::inherit(&cx, Given::default(), Network::Stricter, metadata)?,
        None => cx,
    };
    Ok(Context { reporter, scope: cx.scope.of_its_own(), ..cx })
}

/// Keeps all if all were made, else rolls back those that were.
async fn kept(calls: &[Context], made: Vec<Result<Forked>>) -> Result<Vec<Forked>> {
    let made: Result<Vec<Forked>> = made.into_iter().collect();
    for call in calls {
        if made.is_ok() || roll_back::everything(call).await.all {
            call.scope.ledger.keep();
        }
    }
    made
}

async fn one(cx: &Context, opened: &Opened, from: &From) -> Result<Forked> {
    let owner = launch::agent_ids(cx, Some(&launch::usable(cx)?));
    let (digits, workspace) = free(cx, from)?;
    let name = workspace.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let linked = from.git.as_ref().map(|(state, repository)| Worktree {
        repository: repository.clone(),
        name: name.clone(),
        branch: format!("cci/fork-{digits}"),
        commit: state.commit.clone(),
    });
    let session = launch::new_session_id();
    cx.scope.ledger.push(Made::Fork {
        workspace: workspace.clone(),
        linked: linked.clone(),
        session: launch::store(cx).dir(session),
    });
    let origin = Origin {
        workspace: from.origin.clone(),
        checkpoint: from.node.id.clone(),
        fork: workspace.clone(),
        at: now(),
        linked: linked.clone(),
    };
    if let Some((first, files)) = files(cx, opened, from, &origin, owner).await? {
        cx.emit(CheckpointEvent::WithoutSetId { first, files });
    }
    let own = Context { workspace: Workspace::at(&workspace), ..cx.clone() };
    let talks = conversation(&own, opened, from, session).await?;
    let wanted = Session {
        slot: SlotChoice::Auto,
        resume: if talks { Resume::Exactly(session.to_string()) } else { Resume::No },
        given: Given::default(),
        network: Network::Stricter,
        debug: false,
        tmux: true,
        // a prompt waits for the agent, and one that does not come up is seen by whoever attaches
        background: false,
        root: from.root.clone().map(|root| (from.node.id.clone(), root)),
        fresh_login: false,
        account: None,
        forks: true,
        replaces: None,
        prompt: None,
    };
    let started = Box::pin(shell::prepare(&own, &wanted)).await?;
    Ok(Forked {
        name,
        workspace,
        branch: linked.map(|linked| linked.branch),
        container: started.name,
        session: started.session,
        checkpoint: from.node.id.clone(),
        prompted: true,
    })
}

/// A name that no fork has, and its digits.
fn free(cx: &Context, from: &From) -> Result<(String, PathBuf)> {
    for _ in 0..TRIES {
        let digits = uuid::Uuid::new_v4().simple().to_string()[..6].to_owned();
        let place = forks::place(&cx.cci_dir(), &forks::name(&from.origin, &digits));
        let is_free = match &from.git {
            Some((_, path)) => {
                let failed = |source| Error::Host { step: "open", path: path.clone(), source };
                let repository = Shared::at(path).map_err(failed)?.ok_or_else(|| gone(path))?;
                let failed = |source| Error::Host { step: "read", path: path.clone(), source };
                repository.takes_branch(&format!("cci/fork-{digits}")).map_err(failed)?
            }
            None => true,
        };
        if is_free && place.symlink_metadata().is_err() {
            return Ok((digits, place));
        }
    }
    Err(Error::StepFailed {
        step: "looking for a name for the fork".into(),
        problem: "the repository takes no branch below `cci/`".into(),
        hint: Some("rename the branch `cci`: git keeps branches of that name in a directory `cci`".into()),
    })
}

fn gone(path: &std::path::Path) -> Error {
    Error::Host { step: "open", path: path.to_owned(), source: std::io::ErrorKind::NotFound.into() }
}

/// The files of the workspace, and its place in the repository; returns those without their set-user-ID bit.
async fn files(
    cx: &Context,
    opened: &Opened,
    from: &From,
    origin: &Origin,
    owner: cci_core::idmap::Ids,
) -> Result<contents::WithoutSetId> {
    let (store, snapshot, cci_dir) = (Arc::clone(&opened.store), from.snapshot, cx.cci_dir());
    let (origin, leaves_git) = (origin.clone(), from.leaves_git);
    let state = from.git.as_ref().map(|(state, _)| state.files.clone()).unwrap_or_default();
    cx.scope
        .writing(move || {
            forks::create(&origin.fork, owner)?;
            Checkpoints::note_origin(&cci_dir, &Workspace::at(&origin.fork), &origin)?;
            let except = [OsStr::new(linked::GIT)];
            let except = if leaves_git { &except[..] } else { &[] };
            let written = contents::materialise(&store, &origin.fork, &snapshot, except)?;
            contents::whole(&written, &origin.fork, "the files of the fork")?;
            if let Some(linked) = &origin.linked {
                link(&origin, linked, &state)?;
            }
            Ok(contents::without_set_id(&written))
        })
        .await
}

/// Adds the worktree to the repository of the origin.
fn link(origin: &Origin, linked: &Worktree, state: &[(PathBuf, Vec<u8>)]) -> Result<()> {
    let failed = |source| Error::Host { step: "change", path: linked.repository.clone(), source };
    let repository = Shared::at(&linked.repository).map_err(failed)?.ok_or_else(|| gone(&linked.repository))?;
    let real = host_path::real(&origin.fork);
    let why = format!("cci fork of checkpoint {}", origin.checkpoint);
    let wanted = Linked {
        name: &linked.name,
        branch: &linked.branch,
        commit: &linked.commit,
        worktree: &real,
        state,
        why: &why,
    };
    if repository.add(&wanted).map_err(failed)? == Added::Taken {
        return Err(failed(std::io::ErrorKind::AlreadyExists.into()));
    }
    dot_git(&origin.fork, &repository.link(&linked.name))
}

/// The file that says where the repository is; the modification of the directory around it stays as it was.
fn dot_git(workspace: &std::path::Path, content: &[u8]) -> Result<()> {
    let path = workspace.join(linked::GIT);
    let failed = |source| Error::Host { step: "write", path: path.clone(), source };
    let above = File::open(workspace).map_err(failed)?;
    let modified = above.metadata().and_then(|meta| meta.modified()).map_err(failed)?;
    let mut file = File::options().write(true).create_new(true).open(&path).map_err(failed)?;
    file.write_all(content).map_err(failed)?;
    give_away(&above, &file).map_err(failed)?;
    above.set_modified(modified).map_err(failed)
}

/// What root makes in the workspace belongs to the owner of that.
fn give_away(above: &File, made: &impl AsFd) -> std::io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let owner = above.metadata()?;
    if rustix::process::geteuid().is_root() {
        let (uid, gid) = (rustix::fs::Uid::from_raw(owner.uid()), rustix::fs::Gid::from_raw(owner.gid()));
        rustix::fs::fchown(made, Some(uid), Some(gid))?;
    }
    Ok(())
}

/// A copy of the conversation under an id of its own; returns whether anything was said in it.
async fn conversation(cx: &Context, opened: &Opened, from: &From, session: SessionId) -> Result<bool> {
    let Some(talk) = from.node.talk.as_ref().filter(|talk| talk.transcript.is_some()) else { return Ok(false) };
    let owner = launch::agent_ids(cx, Some(&launch::usable(cx)?));
    let sessions = launch::store(cx);
    let place = Place::conversation(
        &sessions.state_dir(session),
        cx.settings.tool.agent(),
        opened.kept.conversation_cache(session),
    );
    let (store, to) = (Arc::clone(&opened.store), contents::snapshot(&talk.tree, &talk.stat)?);
    let metadata = inherited::metadata(cx, session, from.metadata.as_ref(), from.node.persistent);
    cx.scope
        .writing(move || {
            sessions.create(session, owner)?;
            let restored = place.restore(&store, &to, "")?;
            place.is_whole(&restored, "the conversation of the fork")?;
            sessions.write(&metadata)
        })
        .await?;
    Ok(true)
}

async fn prompt_one(cx: &Context, fork: Forked, prompt: Option<&String>) -> Forked {
    let Some(prompt) = prompt else { return fork };
    let text = Input::Text { text: prompt.clone().into_bytes(), enter: true };
    match tmux::send(cx, &fork.container, &text, false).await {
        Ok(()) => fork,
        Err(error) => {
            cx.emit(CheckpointEvent::NotPrompted { fork: fork.name.clone(), error });
            Forked { prompted: false, ..fork }
        }
    }
}

/// Passes on what is not the same for every fork.
struct OfOne(Arc<dyn Reporter>);

impl Reporter for OfOne {
    fn emit(&self, event: Event) {
        let says_nothing = matches!(
            event,
            Event::Launch(LaunchEvent::Preparing | LaunchEvent::SlotAllocated(_))
                | Event::Session(SessionEvent::Resuming(_) | SessionEvent::Started { .. })
        );
        if !says_nothing {
            self.0.emit(event);
        }
    }
}
