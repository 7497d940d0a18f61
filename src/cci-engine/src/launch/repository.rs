//! The repository of which the workspace is a linked worktree, because the workspace is a fork: git in the container needs
//! it where it is on the host.

use std::path::Path;

use cci_core::Result;
use cci_core::mount::{self, Mount};
use cci_core::{Error, environment};

use crate::context::Context;
use crate::site::host_path;
use cci_host::git::Shared;
use cci_host::store::checkpoints::Checkpoints;

/// The device's name in Incus.
const DEVICE: &str = "repository";

/// The mount of a fork's repository beside its other mounts; nothing if it is gone, or no longer a directory of its own:
/// an agent can have replaced it.
pub(super) fn mounted(cx: &Context, others: &[Mount]) -> Result<Option<Mount>> {
    let origin = Checkpoints::origin_of(&cx.cci_dir(), &cx.workspace)?;
    let Some(linked) = origin.and_then(|origin| origin.linked) else { return Ok(None) };
    let there = |source| Error::Host { step: "open", path: linked.repository.clone(), source };
    if Shared::at(&linked.repository).map_err(there)?.is_none() {
        return Ok(None);
    }
    let Some(mount) = mount(cx, &linked.repository)? else { return Ok(None) };
    let all: Vec<Mount> = others.iter().cloned().chain([mount.clone()]).collect();
    let state = environment::state(cx.settings.tool.agent());
    mount::check_places(&all, &host_path::real(cx.workspace.path()), &state)
        .map_err(|error| host_path::refused(&error))?;
    Ok(Some(mount))
}

/// Whether a repository can be where git in a container looks for it.
pub(crate) fn can_be_mounted(cx: &Context, repository: &Path) -> bool {
    let state = environment::state(cx.settings.tool.agent());
    let fits = |mount: Mount| mount::check_places(&[mount], Path::new("/workspace"), &state).is_ok();
    mount(cx, repository).is_ok_and(|mount| mount.is_some_and(fits))
}

fn mount(cx: &Context, repository: &Path) -> Result<Option<Mount>> {
    let source = host_path::judged(repository, &host_path::protected(&cx.settings, &cx.caller))?;
    // looked up again: what is mounted is what was meant
    if source.path() != repository {
        return Ok(None);
    }
    let container = source.as_str().to_owned();
    Ok(Some(Mount { device: DEVICE.to_owned(), source, container, readonly: false }))
}
