//! `reclaim`: makes the user the owner of files that a container's root created in the workspace, without root on the
//! host.
//!
//! Such files belong to an unprivileged host id that only a container can act for. So a short-lived container whose
//! root has the ids of one of the caller's containers gets the workspace, and nothing else, and changes the owner
//! there: a link leads to nothing but the container's own files, and it has no rights to what belongs to anybody else.
//! The workspace is pinned to what was checked, as in a launch, and the image is one that no project file has chosen.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use cci_core::container_ids::HostIds;
use cci_core::host_disk::{HostDisk, HostPath};
use cci_core::idmap::{self, Idmap, IdmapFacts, IdmapMode};
use cci_core::machine::{MachineIds, MachineSpec};
use cci_core::mark::{self, Marks};
use cci_core::settings::Settings;
use cci_core::{Error, Result};
use cci_guest::layout::WORKSPACE;
use cci_guest::{output, ownership};
use cci_incus::{Device, Exec, Source};

use crate::blocking::blocking;
use crate::context::Context;
use crate::event::{RollBackEvent, UpkeepEvent};

use crate::incus_error::DuringStep;
use crate::instance::create::create;
use crate::launch;
use crate::ledger::Made;
use crate::roll_back;
use crate::site::host_path;
use cci_host::store::{noted, owners};

/// How long Incus may take to create the container, and the walk through the workspace.
const CREATE: Duration = Duration::from_secs(180);
const WALK: Duration = Duration::from_secs(3600);

/// Changes the owner of every such file below the workspace; returns how many there were.
pub async fn reclaim(cx: &Context) -> Result<usize> {
    cx.caller.refuse_removed(cx.workspace.path())?;
    let protected = host_path::protected(&cx.settings, &cx.caller);
    let workspace = host_path::judged_without_links(cx.workspace.path(), &protected)?;
    let own = own_ids(cx, &workspace).await?;
    owned_by_caller(cx, &workspace, &own)?;
    let (count, left) = handed_over(cx, &workspace, &own).await?;
    note_others(cx, &left, &workspace)?;
    Ok(count)
}

/// Changes the owner of what the caller's own containers left in a place of the caller; returns how many files.
pub(crate) async fn hand_over(cx: &Context, place: &HostPath) -> Result<usize> {
    let own = own_ids(cx, place).await?;
    handed_over(cx, place, &own).await.map(|(count, _)| count)
}

/// Changes the owner of what belongs to these ranges; returns how many files, and who owns the others.
async fn handed_over(cx: &Context, place: &HostPath, own: &[Own]) -> Result<(usize, BTreeSet<u32>)> {
    let trusted = cx.stack.without_project().settings()?;
    let (mut done, mut count) = (BTreeSet::new(), 0);
    // a directory that only its owner could read shows more once it belongs to the caller
    loop {
        let there = owners(place).await?;
        let left = own.iter().find(|own| !done.contains(&own.ids) && there.iter().any(|id| own.ids.contains(*id)));
        let Some(own) = left else { return Ok((count, there)) };
        count += change(cx, &trusted, place, own).await?;
        done.insert(own.ids);
    }
}

/// Host ids of the caller's containers.
struct Own {
    ids: HostIds,
    /// Since when another user's container has them, as RFC 3339: what has changed since then is not the caller's.
    until: Option<String>,
}

/// The ranges of the caller's containers, existing and former. Incus soon gives the range of a removed one to another.
async fn own_ids(cx: &Context, workspace: &HostPath) -> Result<Vec<Own>> {
    let instances = cx.client.instances_of_all_projects().await.during("list the containers")?;
    let caller = cx.caller.ids.uid;
    let is_own = |owner: u32| owner == caller || (caller == 0 && owner == workspace.owner().uid);
    let ranges = instances.iter().filter_map(|instance| {
        let own = mark::is_managed(&instance.config) && mark::owner(&instance.config).is_some_and(is_own);
        Some((own, HostIds::of_instance(&instance.config)?, instance.created_at.clone()))
    });
    let (own, others): (Vec<_>, Vec<_>) = ranges.partition(|(own, ..)| *own);
    let noted = noted::IDS.read(&cx.cci_dir())?;
    let noted = noted.iter().filter_map(|line| HostIds::parse(line));
    let all: BTreeSet<HostIds> = own.into_iter().map(|(_, ids, _)| ids).chain(noted).collect();
    let since =
        |ids: HostIds| others.iter().filter(move |(_, other, _)| other.overlaps(ids)).map(|(.., created)| created);
    Ok(all.into_iter().map(|ids| Own { ids, until: since(ids).min().cloned() }).collect())
}

/// The owners of the workspace and of what can be seen in it; if it cannot be read, it shows more once it belongs to
/// the caller.
async fn owners(workspace: &HostPath) -> Result<BTreeSet<u32>> {
    let (path, own) = (workspace.path().to_owned(), workspace.owner());
    let below = blocking(move || match owners::below(&path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(BTreeSet::new()),
        below => below.map_err(|source| Error::Host { step: "read", path, source }),
    });
    let mut all = below.await?;
    all.extend([own.uid, own.gid]);
    Ok(all)
}

/// Reports what remains: a file of an unknown container stays with its owner.
fn note_others(cx: &Context, left: &BTreeSet<u32>, workspace: &HostPath) -> Result<()> {
    let ranges = cx.site().subordinate_ids(IdmapMode::Raw)?.subuid;
    let of_containers = |id: &u32| ranges.iter().any(|range| range.count > 1 && range.holds(*id));
    let owners: Vec<u32> = left.iter().copied().filter(of_containers).collect();
    if !owners.is_empty() {
        cx.emit(UpkeepEvent::FilesStay { workspace: workspace.path().to_owned(), owners });
    }
    Ok(())
}

/// Hands over what belongs to one range; returns how many files.
async fn change(cx: &Context, trusted: &Settings, workspace: &HostPath, own: &Own) -> Result<usize> {
    let (name, made) = start(cx, trusted, workspace, own.ids).await?;
    cx.emit(UpkeepEvent::LookingForFiles);
    let exec = Exec { command: ownership::change(trusted.incus.agent_uid, own.until.as_deref()), ..Exec::default() };
    let done = cx.client.exec_captured(&name, &exec, &[], WALK).await.during("change the owner of files")?;
    // the container has done its work, whatever the result; what else the call has made stays
    match roll_back::one(cx, &made).await {
        Ok(_) => cx.scope.ledger.forget(&made),
        Err(error) => cx.emit(RollBackEvent::NotRemoved { made, error }),
    }
    if done.status == 0 {
        return Ok(done.stdout.len());
    }
    Err(Error::StepFailed {
        step: "changing the owner of files".into(),
        problem: output::whole(&done.stderr).to_string(),
        hint: None,
    })
}

/// Nobody gets files out of a directory of another user; one that a container of the caller has taken is the caller's.
fn owned_by_caller(cx: &Context, workspace: &HostPath, own: &[Own]) -> Result<()> {
    let owner = workspace.owner().uid;
    if cx.caller.ids.uid == 0 || owner == cx.caller.ids.uid || own.iter().any(|own| own.ids.contains(owner)) {
        return Ok(());
    }
    Err(Error::Workspace { path: cx.workspace.path().to_owned(), problem: format!("it belongs to user {owner}") })
}

async fn start(cx: &Context, trusted: &Settings, workspace: &HostPath, ids: HostIds) -> Result<(String, Made)> {
    let mark = launch::launch_mark();
    let name = format!("{}reclaim-{}", cx.prefix.as_str(), mark.get(..8).unwrap_or(&mark));
    let image = &trusted.defaults.image;
    let known = cx.client.image_by(image).await.during("look for the image")?;
    let known = known.ok_or_else(|| Error::ImageNotFound { image: image.clone() })?;
    let (profile, _) = cx.client.profile("default").await.during("read the default profile")?;
    let marks = Marks { workspace: Some(cx.workspace.path().to_owned()), ..Marks::of_build(cx.caller.ids.uid, &mark) };
    let machine = MachineSpec {
        ids: MachineIds::Of(ids, agent_map(cx, trusted, workspace)?),
        disks: vec![HostDisk::new("workspace", workspace.clone(), WORKSPACE, &Idmap::Plain)],
        devices: profile.nics().map(|(nic, _)| (nic.to_owned(), Device::none())).collect(),
        nesting: Settings::default().defaults.docker,
        ..MachineSpec::own_work(name.clone(), marks)
    };
    let step = "create the container";
    match create(cx, &machine, Source::fingerprint(&known.fingerprint), true, step, CREATE).await {
        Ok(made) => Ok((name, made)),
        Err(error) => Err(launch::start_failed(cx, &name, error, step).await),
    }
}

/// The map that makes the container's agent the caller, next to the ids of one container.
fn agent_map(cx: &Context, trusted: &Settings, workspace: &HostPath) -> Result<Idmap> {
    let of_root = cx.site().subordinate_ids(trusted.incus.idmap)?;
    let agent = launch::agent_ids(cx, Some(workspace));
    let facts = IdmapFacts { agent, guest: trusted.incus.agent_uid, subuid: of_root.subuid, subgid: of_root.subgid };
    idmap::decide(trusted.incus.idmap, &facts).map_err(|missing| Error::HostUnfit {
        problem: missing.to_string(),
        hint: Some("`cci setup` adds the missing line".into()),
    })
}
