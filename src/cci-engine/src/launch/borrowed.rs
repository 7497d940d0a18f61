//! The objects that the worktrees of a session borrow: a container sees them where they are on the host, and changes nothing there.

use cci_core::environment;
use cci_core::mount::{self, Mount};
use cci_core::{Error, Result};

use crate::context::Context;
use crate::site::host_path;
use cci_host::git::Shared;
use cci_host::store::session_worktrees::Worktrees;

/// The mounts for the worktrees in this workspace beside its other mounts; none in any other workspace.
pub(super) fn mounted(cx: &Context, others: &[Mount]) -> Result<Vec<Mount>> {
    let Some(worktrees) = Worktrees::of(&cx.cci_dir(), cx.workspace.path())? else { return Ok(Vec::new()) };
    let protected = host_path::protected(&cx.settings, &cx.caller);
    let mut mounts: Vec<Mount> = Vec::new();
    for part in &worktrees.repositories {
        let objects = part.common.join("objects");
        let there = |source| Error::Host { step: "open", path: objects.clone(), source };
        // of a repository that is gone nothing can be borrowed, and the files are all that is left
        if Shared::at(&objects).map_err(there)?.is_none() || mounts.iter().any(|one| one.source.path() == objects) {
            continue;
        }
        let source = host_path::judged(&objects, &protected)?;
        // looked up again: what is mounted is what was meant
        if source.path() == objects {
            let (device, container) = (format!("objects-{}", mounts.len()), source.as_str().to_owned());
            mounts.push(Mount { device, source, container, readonly: true });
        }
    }
    let all: Vec<Mount> = others.iter().chain(&mounts).cloned().collect();
    let state = environment::state(cx.settings.tool.agent());
    mount::check_places(&all, &host_path::real(cx.workspace.path()), &state)
        .map_err(|error| host_path::refused(&error))?;
    Ok(mounts)
}
