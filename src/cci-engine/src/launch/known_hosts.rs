//! The hosts that the caller's SSH knows, for sessions that may use its agent: a copy of that one file, read-only.

use cci_core::Result;
use cci_core::mount::Mount;
use cci_core::plan::KNOWN_HOSTS;
use cci_host::store::known_hosts;

use crate::context::Context;
use crate::site::host_path;

/// Where SSH looks for hosts that every user of a machine knows.
const PLACE: &str = "/etc/ssh/ssh_known_hosts";

/// The mount of the copy, if the settings want the agent and the caller has such a file.
pub(super) fn mounted(cx: &Context) -> Result<Option<Mount>> {
    if !cx.settings.ssh.agent {
        return Ok(None);
    }
    let Some(copy) = known_hosts::copied(&cx.caller.home, &cx.cci_dir())? else { return Ok(None) };
    let source = host_path::own(&copy)?;
    Ok(Some(Mount { device: KNOWN_HOSTS.to_owned(), source, container: PLACE.to_owned(), readonly: true }))
}
