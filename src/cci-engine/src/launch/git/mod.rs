//! Git in the container as on the host: what a launch shows of the workspace's repository, and keeps from the agent.

mod closed;
mod consent;
mod session;
mod view;

use std::path::{Path, PathBuf};

use cci_core::host_disk::HostPath;
use cci_core::mount::{Mount, Protected};
use cci_core::plan::GitView;
use cci_core::{Error, Result};
use cci_git::layout::{Layout, Link, Nested, Refusal, Repository, WorksAt};
use cci_guest::GuestText;
use cci_guest::closed::{Closed, INTERPRETER};

use crate::blocking::blocking;
use crate::context::Context;
use crate::event::LaunchEvent;
use crate::site::host_path;
use cci_host::store::checkpoints::Checkpoints;
use cci_host::store::session_worktrees::Worktrees;

pub(crate) use view::can_be_mounted;

/// What a launch needs to know of the host for it.
struct Look {
    cx: Context,
    workspace: HostPath,
    others: Vec<Mount>,
    /// Whether the workspace is a fork: cci itself has linked it.
    is_fork: bool,
    /// Whether a rewind is under way: it has to be completed, whatever is in the workspace now.
    is_rewound: bool,
}

/// What was found, and what the user should know of it.
type Found = (GitView, Vec<LaunchEvent>);

/// What git needs in a container of this workspace, besides the other mounts. A repository outside the workspace is told once, and
/// from then on refused if something else is found.
pub(super) async fn view(cx: &Context, workspace: Option<&HostPath>, others: &[Mount]) -> Result<GitView> {
    let Some(workspace) = workspace else { return Ok(GitView::default()) };
    let (cx, workspace, others) = (cx.clone(), workspace.clone(), others.to_vec());
    let reporter = cx.clone();
    let look = move || {
        let is_fork = Checkpoints::origin_of(&cx.cci_dir(), &cx.workspace)?.is_some();
        let is_rewound = Checkpoints::of(&cx.cci_dir(), &cx.workspace)?.journal()?.is_some();
        Look { cx, workspace, others, is_fork, is_rewound }.found()
    };
    let (view, events) = reporter.scope.until_cancelled(blocking(look)).await?;
    for event in events {
        reporter.emit(event);
    }
    Ok(view)
}

impl Look {
    fn found(&self) -> Result<Found> {
        if let Some(worktrees) = Worktrees::of(&self.cx.cci_dir(), self.workspace.path())? {
            return self.borrowed(&worktrees);
        }
        // an agent can have made something else of it, which nobody looks at for a rewind
        if self.is_rewound && consent::was_own(&self.cx, &self.workspace)? {
            return Ok(self.closed(|_| closed::unseen(Path::new(""))));
        }
        let workspace = self.workspace.path();
        let nested = Nested::find(workspace);
        let layout = match Layout::find(workspace, &host_path::real(&self.cx.caller.home), &nested) {
            Ok(layout) => layout,
            // its origin can be gone, or another repository by now: the files are there all the same
            Err(refusal) if self.is_fork || self.is_rewound => {
                return Ok((GitView::default(), vec![unseen(&refusal.to_string())]));
            }
            Err(refusal) => return Err(refused(&refusal)),
        };
        let is_own = self.is_own(&layout);
        if is_own && layout.shown.is_empty() && layout.stubs.is_empty() {
            consent::noted(&self.cx, &self.workspace, &layout)?;
            return Ok(self.closed(|events| closed::of(&layout, events)));
        }
        let is_first = match consent::given(&self.cx, &self.workspace, &layout) {
            // the files are there all the same
            Err(error @ Error::Forbidden { .. }) if is_own || self.is_rewound => {
                return Ok((GitView::default(), vec![unseen(&error.to_string())]));
            }
            given => given?,
        };
        let mut events = Vec::new();
        let places = host_path::protected(&self.cx.settings, &self.cx.caller);
        let layout = self.shown(layout, &places, &mut events);
        let protect = self.cx.settings.git.protect && !self.is_fork;
        let layout = view::protected(layout, &nested, protect, &mut events);
        let seen = layout.shown.iter().filter(|shown| shown.path != *workspace);
        let seen: Vec<PathBuf> = seen.map(|shown| shown.path.clone()).collect();
        if is_first && !self.is_fork && !seen.is_empty() {
            events.push(LaunchEvent::RepositoryShown { shown: seen, is_proven: layout.is_proven() });
        }
        let place = (layout.works_at == WorksAt::HostPath && !self.is_fork).then(|| self.workspace.as_str());
        let view = view::of(&self.cx, &layout, &self.others, place, &places)?;
        Ok((view, events))
    }

    /// What the worktrees of a session borrow from the repositories that they were made of. Their own are closed without a look.
    fn borrowed(&self, worktrees: &Worktrees) -> Result<Found> {
        let (layout, gone) = session::layout(self.workspace.path(), worktrees)?;
        let mut events: Vec<LaunchEvent> =
            gone.iter().map(|path| unseen(&format!("{} is gone", path.display()))).collect();
        let places = host_path::protected(&self.cx.settings, &self.cx.caller);
        let layout = self.shown(layout, &places, &mut events);
        let mut view = view::of(&self.cx, &layout, &self.others, None, &places)?;
        for (mount, source) in session::linked(self.workspace.path(), worktrees, &places) {
            match mount {
                Ok(mount) if self.others.iter().any(|other| other.container == mount.container) => {}
                Ok(mount) => view.mounts.push(mount),
                Err(error) => {
                    events.push(LaunchEvent::DirectorySkipped { path: source, why: error.to_string() });
                }
            }
        }
        let parts = worktrees.repositories.iter();
        let (own, missing) = self.closed(|_| parts.flat_map(|part| closed::unseen(Path::new(&part.place))).collect());
        view.closed = own.closed;
        events.extend(missing);
        Ok((view, events))
    }

    /// A repository of the workspace's own, closed if that is wanted.
    fn closed(&self, of: impl FnOnce(&mut Vec<LaunchEvent>) -> Vec<Closed>) -> Found {
        if !self.cx.settings.git.protect {
            return Found::default();
        }
        let mut events = Vec::new();
        let mut closed = of(&mut events);
        if !closed.is_empty() && !Path::new(INTERPRETER).exists() {
            events.push(LaunchEvent::GitOpen { missing: INTERPRETER });
            closed.clear();
        }
        (GitView { closed, ..GitView::default() }, events)
    }

    /// Whether the workspace has a repository of its own, in its `.git`, or none.
    fn is_own(&self, layout: &Layout) -> bool {
        let is_own = |found: &Repository| {
            found.link == Link::Plain && found.top.as_deref().is_some_and(|top| top == self.workspace.path())
        };
        !self.is_fork && layout.repository.as_ref().is_none_or(is_own)
    }

    /// The layout as far as containers may see it.
    fn shown(&self, layout: Layout, protected: &[Protected], events: &mut Vec<LaunchEvent>) -> Layout {
        let Err(error) = view::may_be_shown(&self.cx, &layout, protected) else { return layout };
        events.push(unseen(&error.to_string()));
        Layout { shown: Vec::new(), stubs: Vec::new(), works_at: WorksAt::Anywhere, ..layout }
    }
}

fn unseen(problem: &str) -> LaunchEvent {
    LaunchEvent::RepositoryUnseen { problem: problem.to_owned() }
}

/// A repository that is not followed.
fn refused(refusal: &Refusal) -> Error {
    let problem = format!("the workspace's git is not followed: {refusal}");
    Error::Forbidden { problem, hint: Some(GuestText::new(refusal.way_out()).to_string()) }
}
