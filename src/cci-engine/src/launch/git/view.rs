//! The mounts and shell lines that make a container see a layout.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cci_core::host_disk::HostPath;
use cci_core::mount::{self, Mount, Protected};
use cci_core::plan::{GitView, PLACE};
use cci_core::{Error, Result, environment, git_device};
use cci_git::layout::{Bind, Guarded, Layout, Nested, Private};
use cci_guest::GuestText;
use cci_guest::git::{lines, own_directory};
use cci_guest::layout::WORKSPACE;

use crate::context::Context;
use crate::event::LaunchEvent;
use crate::site::host_path;
use cci_host::store::put;

/// So many files and directories are closed: each costs the start of a container a moment.
const MOST: usize = 60;

/// Whether everything that a layout shows may be seen by containers, and where it has to be.
pub(super) fn may_be_shown(cx: &Context, layout: &Layout, protected: &[Protected]) -> Result<()> {
    layout.shown.iter().try_for_each(|shown| checked(cx, &shown.path, protected))
}

/// Whether a repository can be where git in a container looks for it.
pub(crate) fn can_be_mounted(cx: &Context, repository: &Path) -> bool {
    checked(cx, repository, &host_path::protected(&cx.settings, &cx.caller)).is_ok()
}

fn checked(cx: &Context, path: &Path, protected: &[Protected]) -> Result<()> {
    exactly(path, protected)?;
    let (place, state) = (text(path)?, environment::state(cx.settings.tool.agent()));
    let fits = mount::check_place(&place)
        .and_then(|()| mount::collide(&place, WORKSPACE))
        .and_then(|()| mount::collide(&place, &state));
    fits.map_err(|error| host_path::refused(&error))
}

/// A place of the host that is where its path says: what is mounted is what was meant.
pub(super) fn exactly(path: &Path, protected: &[Protected]) -> Result<HostPath> {
    let source = host_path::judged(path, protected)?;
    if source.path() == path {
        return Ok(source);
    }
    let problem = format!("{} has become a link", GuestText::new(path));
    Err(Error::Forbidden { problem, hint: None })
}

/// The layout with what of it is closed, and can be: what the caller cannot make, the agent cannot either.
pub(super) fn protected(layout: Layout, nested: &Nested, wanted: bool, events: &mut Vec<LaunchEvent>) -> Layout {
    if !wanted {
        return Layout { guarded: Vec::new(), privates: Vec::new(), ..layout };
    }
    // a bare repository within another one's files is content, to which nothing is added
    let bare: Vec<&PathBuf> = nested.repositories.iter().filter(|one| !one.ends_with(".git")).collect();
    let is_content = |guarded: &Guarded| !guarded.exists && bare.iter().any(|one| guarded.path.starts_with(one));
    let (mut guarded, mut privates) = (layout.guarded.clone(), layout.privates.clone());
    guarded.retain(|one| !is_content(one));
    if guarded.len() + privates.len() > MOST {
        let common = layout.repository.as_ref().map(|found| &found.common);
        let all: BTreeSet<&Path> = privates.iter().map(|one| one.real.as_path()).collect();
        events.push(LaunchEvent::GitUnprotected { repositories: all.len().saturating_sub(1) });
        guarded.retain(|one| layout.is_of_repository(&one.path));
        privates.retain(|one| common == Some(&one.real));
    }
    guarded.retain(|one| one.make().is_ok());
    privates.retain(|one| one.make().is_ok());
    Layout { guarded, privates, ..layout }
}

/// The mounts and lines of a layout; those of `others` are there in any case.
pub(super) fn of(
    cx: &Context,
    layout: &Layout,
    others: &[Mount],
    place: Option<&str>,
    protected: &[Protected],
) -> Result<GitView> {
    let workspace = Path::new(WORKSPACE);
    let mut redirects = Vec::new();
    for number in 0..layout.privates.len() {
        redirects.push(redirect(cx, number)?);
    }
    let is_free = |at: &str| !others.iter().any(|mount| mount.container == at);
    let mut mounts = Vec::new();
    for (number, Bind { at, source, writable }) in layout.binds(workspace, &redirects).into_iter().enumerate() {
        let container = text(&at)?;
        if !is_free(&container) {
            continue;
        }
        let (device, source) = if redirects.contains(&source) {
            (git_device::redirect(number), host_path::own(&source)?)
        } else if place == Some(&*container) {
            (PLACE.to_owned(), exactly(&source, protected)?)
        } else {
            (git_device::shown(number), exactly(&source, protected)?)
        };
        mounts.push(Mount { device, source, container, readonly: !writable });
    }
    mounts.extend(stubs(layout, mounts.len(), protected).into_iter().filter(|stub| is_free(&stub.container)));
    let mut all = String::new();
    for (number, Private { real, .. }) in layout.privates.iter().enumerate() {
        let real = text(&layout.inside(workspace, real))?;
        all += &lines(number, &real, &Private::LINKS, &Private::COPIES);
    }
    Ok(GitView { mounts, lines: all, ..GitView::default() })
}

/// The file that leads git to the container's own settings: the same for all containers.
fn redirect(cx: &Context, number: usize) -> Result<PathBuf> {
    let path = cx.cci_dir().join("git").join(format!("own-{number}"));
    put::shared(&path, format!("{}\n", own_directory(number)).as_bytes())?;
    Ok(path)
}

/// Of each other worktree only its `.git`, so that git in the container does not forget it on the host.
fn stubs(layout: &Layout, first: usize, protected: &[Protected]) -> Vec<Mount> {
    let stub = |(number, path): (usize, PathBuf)| {
        // one that may not be seen is forgotten by a `git worktree prune`, which is no reason not to launch
        let source = exactly(&path, protected).ok()?;
        let container = source.as_str().to_owned();
        mount::check_place(&container).ok()?;
        Some(Mount { device: git_device::shown(first + number), source, container, readonly: true })
    };
    let files = layout.stubs.iter().map(|stub| stub.path.join(".git"));
    files.take(MOST).enumerate().filter_map(stub).collect()
}

/// A path as a container has it: nothing that is not UTF-8 gets there.
pub(super) fn text(path: &Path) -> Result<String> {
    let text = path.to_str().ok_or_else(|| Error::Workspace {
        path: path.to_owned(),
        problem: "Incus takes only paths that are UTF-8".into(),
    })?;
    Ok(text.to_owned())
}
