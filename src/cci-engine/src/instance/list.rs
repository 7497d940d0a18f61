//! `list`: the caller's containers, with what Incus knows of each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use cci_core::Result;
use cci_core::metadata::Metadata;
use cci_core::session::SessionId;
use cci_core::workspace::Workspace;
use cci_host::store::checkpoints::{Checkpoints, Heads};
use cci_incus::Status;
use schemars::JsonSchema;
use serde::Serialize;

use crate::blocking::blocking;
use crate::context::Context;
use crate::event::SessionEvent;
use crate::instance::also_named;
use crate::instance::ownership::{self, Owned, Whose};
use crate::launch;
use crate::session::holders::{self, Holder};

/// One container as it is listed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Listed {
    /// The container's name, which every verb takes.
    pub name: String,
    /// Incus's word for its state, such as `Running`.
    pub status: String,
    /// The same, to decide by.
    #[serde(skip)]
    pub state: Status,
    /// RFC 3339.
    pub created_at: String,
    /// The image it was created from, as it was asked for.
    pub image: String,
    /// Whether it outlives its stop.
    pub persistent: bool,
    /// Empty if it has none.
    pub ipv4: String,
    /// The project directory on the host.
    pub workspace: String,
    /// What is mounted there: the workspace with its links resolved.
    pub workspace_target: String,
    /// None if it was created by `cci container launch`.
    pub slot: Option<u8>,
    /// The conversation in it; none for a single command.
    pub session_id: Option<String>,
    /// The checkpoint that it is at; empty if none was taken.
    pub checkpoint: String,
    /// The profile it was launched with.
    pub profile: Option<String>,
    /// The network mode it was launched in.
    pub network: Option<String>,
}

/// One saved session as it is listed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ListedSession {
    /// The value for `--resume=ID`.
    pub session_id: String,
    /// RFC 3339.
    pub saved_at: String,
    /// The project directory on the host.
    pub workspace: String,
    /// The container that had it last.
    pub container_name: String,
    pub(crate) persistent: bool,
    /// Whether a running container has it.
    pub live: bool,
}

/// The sessions that a running container of any project has.
pub async fn live(cx: &Context) -> Result<Vec<SessionId>> {
    let holders = holders::all(cx).await?.into_iter();
    Ok(holders.filter(Holder::runs).map(|holder| holder.session).collect())
}

/// Every saved session, newest first.
pub async fn sessions(cx: &Context) -> Result<Vec<ListedSession>> {
    let (saved, live) = tokio::try_join!(saved(cx), live(cx))?;
    let listed = saved.into_iter().map(|metadata| ListedSession {
        live: live.contains(&metadata.session_id),
        session_id: metadata.session_id.to_string(),
        saved_at: metadata.saved_at,
        workspace: metadata.workspace.to_string_lossy().into_owned(),
        container_name: metadata.container_name,
        persistent: metadata.persistent,
    });
    Ok(listed.collect())
}

/// What the store has of every session, newest first; asks Incus nothing.
pub async fn saved(cx: &Context) -> Result<Vec<Metadata>> {
    let store = launch::store(cx);
    let found = blocking(move || store.all()).await?;
    for problem in found.damaged {
        cx.emit(SessionEvent::Damaged(problem));
    }
    Ok(found.sessions.into_iter().map(|saved| saved.metadata).collect())
}

/// Every container of the caller, or of every user, by name.
pub async fn list(cx: &Context, whose: Whose) -> Result<Vec<Listed>> {
    let owned = ownership::all_of(cx, whose).await?;
    also_named::report(cx, owned.iter().map(|owned| &owned.instance)).await?;
    let addresses = addresses(cx, &owned).await;
    let heads = heads(cx, &owned).await?;
    Ok(owned.iter().map(|owned| listed(owned, &addresses, &heads)).collect())
}

/// The current checkpoints of the workspaces of these containers, by workspace.
async fn heads(cx: &Context, owned: &[Owned]) -> Result<BTreeMap<PathBuf, Heads>> {
    let workspaces: BTreeSet<PathBuf> = owned.iter().filter_map(|owned| owned.marks.workspace.clone()).collect();
    let cci_dir = cx.cci_dir();
    blocking(move || {
        let heads = |path: PathBuf| {
            let kept = Checkpoints::of(&cci_dir, &Workspace::at(&path))?;
            Ok((path, kept.heads()?))
        };
        workspaces.into_iter().map(heads).collect()
    })
    .await
}

fn listed(owned: &Owned, addresses: &BTreeMap<String, String>, heads: &BTreeMap<PathBuf, Heads>) -> Listed {
    let (instance, marks) = (&owned.instance, &owned.marks);
    Listed {
        name: instance.name.clone(),
        status: instance.status.clone(),
        state: instance.status_code,
        created_at: instance.created_at.clone(),
        image: marks.image.clone().unwrap_or_default(),
        persistent: !instance.ephemeral,
        ipv4: if owned.runs() { addresses.get(&instance.name).cloned().unwrap_or_default() } else { String::new() },
        workspace: marks.workspace.as_deref().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default(),
        workspace_target: instance
            .devices
            .get("workspace")
            .and_then(|device| device.as_disk()?.source.clone())
            .unwrap_or_default(),
        slot: marks.slot.map(cci_core::slot::Slot::number),
        session_id: marks.session.map(|id| id.to_string()),
        checkpoint: checkpoint(owned, heads).unwrap_or_default(),
        profile: marks.profile.clone(),
        network: marks.network.clone(),
    }
}

/// The checkpoint that a container's conversation is at.
fn checkpoint(owned: &Owned, heads: &BTreeMap<PathBuf, Heads>) -> Option<String> {
    let workspace = owned.marks.workspace.as_ref()?;
    let head = heads.get(workspace)?.of(owned.marks.session, &Workspace::at(workspace))?;
    Some(head.to_string())
}

/// The addresses of the running ones: most have a fixed one; for the others each network is queried once, no container.
async fn addresses(cx: &Context, owned: &[Owned]) -> BTreeMap<String, String> {
    let (fixed, others): (Vec<_>, Vec<_>) =
        owned.iter().filter(|owned| owned.runs()).partition(|owned| owned.instance.address().is_some());
    let mut networks: Vec<&str> =
        others.iter().flat_map(|owned| owned.instance.nics()).filter_map(|nic| nic.network.as_deref()).collect();
    networks.sort_unstable();
    networks.dedup();
    let asked = futures_util::future::join_all(networks.into_iter().map(|name| cx.client.network_leases(name))).await;
    // if a network cannot be queried, its containers are shown without an address
    let given = asked.into_iter().flat_map(cci_incus::Result::unwrap_or_default);
    let given = given.filter(|lease| lease.address.contains('.')).map(|lease| (lease.hostname, lease.address));
    let fixed =
        fixed.iter().filter_map(|owned| Some((owned.instance.name.clone(), owned.instance.address()?.to_string())));
    given.chain(fixed).collect()
}
