//! The workspace where it is on the host, besides its usual place in the container.

use cci_core::Result;
use cci_core::mount::{Mount, Protected};
use cci_core::plan::SAME_PATH;
use cci_core::settings::Settings;
use cci_core::workspace::Workspace;

use crate::site::host_path::judged;

/// The mount of it there, if the settings want one and that is another place.
pub(super) fn mounted(settings: &Settings, workspace: &Workspace, protected: &[Protected]) -> Result<Option<Mount>> {
    if !settings.workspace.same_path {
        return Ok(None);
    }
    let source = judged(workspace.path(), protected)?;
    let container = source.as_str().to_owned();
    let is_there = container == cci_guest::layout::WORKSPACE;
    Ok((!is_there).then(|| Mount { device: SAME_PATH.to_owned(), source, container, readonly: false }))
}
