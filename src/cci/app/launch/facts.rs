//! What the host is, as far as a launch depends on it.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use cci_core::environment::HostLocale;
use cci_core::idmap::{IdmapFacts, Ids};
use cci_core::plan::{HostFacts, Nic};
use cci_core::{Error, Result};

use crate::app::context::Context;
use crate::app::incus_error::DuringStep;
use crate::host::caller::Caller;
use crate::host::subids;

/// The profile whose network and root disk a launch takes.
const PROFILE: &str = "default";

/// Asks Incus for the profile and reads the host's own tables.
pub(crate) async fn host_facts(cx: &Context) -> Result<HostFacts> {
    let profile = cx.client.profile(PROFILE).await.during("read the default profile")?;
    Ok(HostFacts {
        idmap: IdmapFacts {
            agent: agent_ids(cx)?,
            guest: cx.settings.incus.claude_uid,
            subuid: subids::subuid(),
            subgid: subids::subgid(),
        },
        locale: locale(&cx.caller),
        nic: device(&profile.devices, "nic").map(|(device, config)| Nic { device, config }),
        root: device(&profile.devices, "disk").map(|(_, config)| config),
    })
}

/// Who the agent is on the host: the caller, or for root the owner of the workspace.
pub(crate) fn agent_ids(cx: &Context) -> Result<Ids> {
    if cx.caller.ids.uid != 0 {
        return Ok(cx.caller.ids);
    }
    let path = cx.workspace.path();
    let meta = std::fs::metadata(path).map_err(|source| Error::Host { step: "read", path: path.to_owned(), source })?;
    Ok(Ids { uid: meta.uid(), gid: meta.gid() })
}

/// The first NIC, or the root disk, of a profile.
fn device(
    devices: &BTreeMap<String, BTreeMap<String, String>>,
    kind: &str,
) -> Option<(String, BTreeMap<String, String>)> {
    let wanted = |config: &BTreeMap<String, String>| {
        config.get("type").is_some_and(|found| found == kind)
            && (kind != "disk" || config.get("path").is_some_and(|path| path == "/"))
    };
    devices.iter().find(|(_, config)| wanted(config)).map(|(name, config)| (name.clone(), config.clone()))
}

fn locale(caller: &Caller) -> HostLocale {
    HostLocale {
        term: caller.var("TERM").map(str::to_owned),
        colorterm: caller.var("COLORTERM").map(str::to_owned),
        timezone: caller.var("TZ").map(str::to_owned).or_else(host_timezone),
    }
}

/// The zone that `/etc/localtime` points to.
fn host_timezone() -> Option<String> {
    let target = std::fs::read_link("/etc/localtime").ok()?;
    let zone = target.strip_prefix(Path::new("/usr/share/zoneinfo")).ok()?.to_str()?;
    Some(zone.to_owned())
}
