//! What is closed of a repository that is the workspace's own, in its `.git`, and of those within the workspace.

use std::path::{Path, PathBuf};

use cci_git::layout::{Guarded, GuardedAs, Layout};
use cci_guest::closed::{Closed, How};
use cci_guest::layout::WORKSPACE;

use crate::event::LaunchEvent;

/// So many places are closed: each takes the start of a container a moment, and a line for LXC has an end.
const MOST: usize = 100;

/// Everything to close of a layout, what contains others first.
///
/// The host gets directories and files, empty ones, for what the workspace's own repository does not have yet; the others
/// stay as they are.
pub(super) fn of(layout: &Layout, events: &mut Vec<LaunchEvent>) -> Vec<Closed> {
    let Some(found) = &layout.repository else { return Vec::new() };
    let is_own = |guarded: &Guarded| layout.is_of_repository(&guarded.path);
    let is_empty_for_git = |guarded: &Guarded| matches!(guarded.what, GuardedAs::Hooks | GuardedAs::Attributes);
    let is_there =
        |guarded: &Guarded| guarded.exists || is_own(guarded) && is_empty_for_git(guarded) && guarded.make().is_ok();
    // only the workspace's own is held in its place: others may be removed with what they are in
    let is_meant = |guarded: &&Guarded| guarded.what != GuardedAs::Repository || guarded.path == found.common;
    let meant: Vec<&Guarded> = layout.guarded.iter().filter(is_meant).filter(|guarded| is_there(guarded)).collect();
    let few = if meant.len() > MOST {
        let repositories = meant.iter().filter(|one| one.path.ends_with("config") && !is_own(one)).count();
        events.push(LaunchEvent::GitUnprotected { repositories });
        meant.into_iter().filter(|guarded| is_own(guarded)).collect()
    } else {
        meant
    };
    few.into_iter().filter_map(|guarded| closed(&layout.workspace, guarded)).collect()
}

/// What is closed of every repository, for one that nobody may look at: its directory within the workspace.
pub(super) fn unseen(within: &Path) -> Vec<Closed> {
    let git = Path::new(WORKSPACE).join(within).join(".git");
    let of = |name: &str, how| Closed { place: git.join(name), how };
    vec![
        Closed { place: git.clone(), how: How::Pinned },
        of("config", How::Own),
        of("hooks", How::ReadOnly),
        of("info/attributes", How::ReadOnly),
    ]
}

fn closed(workspace: &Path, guarded: &Guarded) -> Option<Closed> {
    let within: PathBuf = guarded.path.strip_prefix(workspace).ok()?.to_owned();
    let how = match guarded.what {
        GuardedAs::Config => How::Own,
        GuardedAs::Repository => How::Pinned,
        GuardedAs::Hooks | GuardedAs::Attributes | GuardedAs::Pointer => How::ReadOnly,
    };
    Some(Closed { place: Path::new(WORKSPACE).join(within), how })
}
