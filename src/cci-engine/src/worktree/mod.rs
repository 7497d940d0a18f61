//! Worktrees of sessions: made of one or several repositories, brought to these while the session works, and removed or kept at its end.
//!
//! A session has a repository of its own in each, which borrows the objects of its parent; the parent's are read-only to its container.
//! What comes back is judged object by object in `cci_git::worktree`, and moves the session's own branch only.

mod begin;
mod bring;
mod end;
mod make;
mod merge;

pub use begin::{Asked, begin};
pub use bring::{Outcome, bring_back};
pub use end::{Ended, Kept, Reason, ended, list, prune};
pub use merge::{Merged, merge};

use cci_core::Error;
use cci_git::worktree::Unfit;
use cci_host::store::session_worktrees::Worktrees;

/// A fault of a repository, named by its path.
fn unfit(what: &'static str, path: &std::path::Path) -> impl Fn(Unfit) -> Error {
    let path = path.to_owned();
    move |fault| Error::StepFailed {
        step: format!("{what} {}", path.display()),
        problem: fault.to_string(),
        hint: None,
    }
}

fn not_found(cx: &crate::context::Context, name: &str) -> Error {
    let all = Worktrees::all(&cx.cci_dir()).unwrap_or_default();
    let names: Vec<String> = all.into_iter().map(|one| one.name).collect();
    let hint = if names.is_empty() { "there are none".to_owned() } else { format!("there are: {}", names.join(", ")) };
    Error::Usage { problem: format!("no worktree is called '{name}'"), hint: Some(hint) }
}

/// A branch that is there already.
fn taken(branch: &str, repository: &std::path::Path) -> Error {
    Error::Usage {
        problem: format!(
            "branch '{branch}' cannot be made in {}: it, or one of a name above or below, exists",
            repository.display()
        ),
        hint: Some(format!("name another one with --branch, or begin at it with `--base {branch}`")),
    }
}
