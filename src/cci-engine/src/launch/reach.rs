//! What of the host's directories the agent cannot use as the caller can: a right by a further group ends at the
//! container, and what is mounted below a directory does not come with it.

use std::path::{Path, PathBuf};

use cci_core::Result;
use cci_core::access::Wanted;

use super::facts::Survey;
use crate::context::Context;
use crate::event::LaunchEvent;
use crate::site::access;
use cci_core::mount::Mount;
use cci_guest::layout::WORKSPACE;
use cci_host::mounts as of_host;

/// Tells it of everything that a launch mounts.
pub(crate) async fn tell_all(cx: &Context, survey: &Survey) -> Result<()> {
    let mounts = &survey.host.mounts;
    if let Some(workspace) = &survey.host.workspace {
        tell_below(cx, workspace.path(), WORKSPACE, mounts);
    }
    for mount in mounts {
        tell(cx, mount.source.path(), mount.readonly).await?;
        tell_below(cx, mount.source.path(), &mount.container, mounts);
    }
    Ok(())
}

/// Tells of one mount whether its files are out of reach.
pub(crate) async fn tell(cx: &Context, path: &Path, readonly: bool) -> Result<()> {
    let wanted = if readonly { Wanted::Read } else { Wanted::Write };
    let access = access::of(cx, path, wanted).await?;
    if access.ends_outside() {
        cx.emit(LaunchEvent::MountOutOfReach { path: path.to_owned(), wanted, access });
    }
    Ok(())
}

/// Tells what is mounted below one, but for what is mounted into the container itself.
fn tell_below(cx: &Context, dir: &Path, inside: &str, mounts: &[Mount]) {
    let place = |point: &Path| Path::new(inside).join(point.strip_prefix(dir).unwrap_or(point));
    let is_covered = |point: &PathBuf| mounts.iter().any(|mount| place(point).starts_with(&mount.container));
    let points: Vec<PathBuf> = of_host::below(dir).into_iter().filter(|point| !is_covered(point)).collect();
    if let Some(first) = points.first() {
        cx.emit(LaunchEvent::MountedBelow { inside: place(first), points });
    }
}
