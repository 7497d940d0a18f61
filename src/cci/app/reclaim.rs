//! `reclaim`: hands files that a container's root made in the workspace over to the user, without root on the host.
//!
//! Such files belong to an unprivileged host id that only a container can act for. So a short-lived container whose root
//! has all of those ids gets the workspace, and nothing else, and changes the owner there: a link leads to nothing but
//! the container's own files, and what belongs to another user of the host it has no right to.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use cci_core::environment::WORKSPACE;
use cci_core::idmap::{self, Idmap, IdmapFacts};
use cci_core::mark::Marks;
use cci_core::settings::Settings;
use cci_core::{Error, Result, plan};
use cci_incus::{Exec, NewInstance, Source};

use super::agent::printed;
use super::context::Context;
use super::incus_error::DuringStep;
use super::launch;
use super::undo::Made;
use crate::host::subids;

/// How long Incus may take to make the container, and the walk through the workspace.
const CREATE: Duration = Duration::from_secs(180);
const WALK: Duration = Duration::from_secs(3600);
/// What the kernel shows where an id of the host has none in the container.
const NOBODY: u32 = 65_534;

/// Changes the owner of every such file below the workspace; how many there were.
pub(crate) async fn reclaim(cx: &Context) -> Result<usize> {
    launch::usable(&cx.workspace)?;
    owned_by_caller(cx)?;
    let name = start(cx).await?;
    cx.reporter.step("reclaim", "looking for files of containers' root");
    let guest = cx.settings.incus.claude_uid;
    let exec = Exec { command: walk(guest), ..Exec::default() };
    let done = cx.client.exec_captured(&name, &exec, &[], WALK).await.during("change the owner of files")?;
    // the container has done its work, whatever came of it
    cx.take_back().await;
    if done.status == 0 {
        return Ok(done.stdout.len());
    }
    Err(Error::StepFailed {
        step: "changing the owner of files".into(),
        problem: printed(&done.stderr).to_string(),
        hint: None,
    })
}

/// Nobody gets files out of a directory that is another's.
fn owned_by_caller(cx: &Context) -> Result<()> {
    let path = cx.workspace.path();
    let meta = std::fs::metadata(path).map_err(|source| Error::Host { step: "read", path: path.to_owned(), source })?;
    if cx.caller.ids.uid == 0 || meta.uid() == cx.caller.ids.uid {
        return Ok(());
    }
    Err(Error::Workspace { path: path.to_owned(), problem: format!("it belongs to user {}", meta.uid()) })
}

/// The argv that changes the owner and prints one byte for each file.
///
/// Of both ids of a file the container must know what they are, else it has no right to change them.
fn walk(guest: u32) -> Vec<String> {
    let (guest, nobody) = (guest.to_string(), NOBODY.to_string());
    let owner = format!("{guest}:{guest}");
    let mut argv = vec!["find", WORKSPACE, "-xdev", "!", "-uid", &nobody, "!", "-gid", &nobody];
    argv.extend(["(", "!", "-uid", &guest, "-o", "!", "-gid", &guest, ")"]);
    argv.extend(["-printf", ".", "-exec", "chown", "-h", &owner, "{}", "+"]);
    argv.into_iter().map(str::to_owned).collect()
}

async fn start(cx: &Context) -> Result<String> {
    let mark = launch::launch_mark();
    let name = format!("{}reclaim-{}", cx.prefix.as_str(), mark.get(..8).unwrap_or(&mark));
    let image = &cx.settings.defaults.image;
    let known = cx.client.image_by(image).await.during("look for the image")?;
    let known = known.ok_or_else(|| Error::ImageNotFound { image: image.clone() })?;
    let (profile, _) = cx.client.profile("default").await.during("read the default profile")?;
    let nics = profile.devices.iter().filter(|(_, device)| device.get("type").is_some_and(|kind| kind == "nic"));
    let mut devices: BTreeMap<String, BTreeMap<String, String>> =
        nics.map(|(nic, _)| (nic.clone(), device([("type", "none")]))).collect();
    let path = cx.workspace.path().to_string_lossy();
    devices.insert("workspace".into(), device([("type", "disk"), ("source", &path), ("path", WORKSPACE)]));
    let instance = NewInstance {
        config: config(cx, &mark)?,
        devices,
        ephemeral: true,
        start: true,
        ..NewInstance::new(name.clone(), Source::fingerprint(&known.fingerprint))
    };
    cx.undo.push(Made::Instance { name: name.clone(), launch: mark });
    let during = "create the container";
    cx.client.create_instance(&instance).await.during(during)?.wait(during, CREATE).await.during(during)?;
    Ok(name)
}

fn device<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// The user's own ids beside all that Incus gives to containers: a map that is not isolated has them all.
fn config(cx: &Context, mark: &str) -> Result<BTreeMap<String, String>> {
    let subids::OfRoot { subuid, subgid } = subids::of_root(cx.settings.incus.idmap)?;
    let facts = IdmapFacts { agent: launch::agent_ids(cx)?, guest: cx.settings.incus.claude_uid, subuid, subgid };
    let map = idmap::decide(cx.settings.incus.idmap, &facts).map_err(|missing| Error::HostUnfit {
        problem: missing.to_string(),
        hint: Some("`cci setup` adds the missing line".into()),
    })?;
    let mut config = plan::base_config(&Settings::default());
    config.insert("security.idmap.isolated".into(), "false".into());
    if let Idmap::Raw(lines) = map {
        config.insert("raw.idmap".into(), lines);
    }
    let marks = Marks { workspace: Some(cx.workspace.path().to_owned()), ..Marks::of_build(cx.caller.ids.uid, mark) };
    config.extend(marks.to_config());
    Ok(config)
}
