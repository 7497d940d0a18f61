//! `list`: the caller's containers, with what Incus knows of each.

use std::collections::BTreeMap;

use cci_core::Result;
use cci_core::session::SessionId;
use schemars::JsonSchema;
use serde::Serialize;

use super::blocking::blocking;
use super::context::Context;
use super::held::{self, Holder};
use super::launch;
use super::owned::{self, Owned, Whose};

/// One container as it is listed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) status: String,
    /// RFC 3339.
    pub(crate) created_at: String,
    pub(crate) image: String,
    pub(crate) persistent: bool,
    /// Empty if it has none.
    pub(crate) ipv4: String,
    pub(crate) workspace: String,
    /// What is mounted there: the workspace with its links resolved.
    pub(crate) workspace_target: String,
    /// None where `cci container launch` made it.
    pub(crate) slot: Option<u8>,
    pub(crate) session_id: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) network: Option<String>,
}

/// One saved session as it is listed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct ListedSession {
    pub(crate) session_id: String,
    /// RFC 3339.
    pub(crate) saved_at: String,
    pub(crate) workspace: String,
    pub(crate) container_name: String,
    pub(crate) persistent: bool,
    /// Whether a running container has it.
    pub(crate) live: bool,
}

/// The sessions that a running container of any project has.
pub(crate) async fn live(cx: &Context) -> Result<Vec<SessionId>> {
    let holders = held::all(cx).await?.into_iter();
    Ok(holders.filter(Holder::runs).map(|holder| holder.session).collect())
}

/// Every saved session, newest first.
pub(crate) async fn sessions(cx: &Context, live: &[SessionId]) -> Result<Vec<ListedSession>> {
    let store = launch::store(cx);
    let found = blocking(move || store.all()).await?;
    for problem in &found.damaged {
        cx.reporter.warn(problem);
    }
    let listed = found.sessions.into_iter().map(|saved| {
        let metadata = saved.metadata;
        ListedSession {
            live: live.contains(&metadata.session_id),
            session_id: metadata.session_id.to_string(),
            saved_at: metadata.saved_at,
            workspace: metadata.workspace.to_string_lossy().into_owned(),
            container_name: metadata.container_name,
            persistent: metadata.persistent,
        }
    });
    Ok(listed.collect())
}

/// Every container of the caller's, or of every user's, by name.
pub(crate) async fn list(cx: &Context, whose: Whose) -> Result<Vec<Listed>> {
    let owned = owned::all_of(cx, whose).await?;
    let addresses = addresses(cx, &owned).await;
    Ok(owned.iter().map(|owned| listed(owned, &addresses)).collect())
}

fn listed(owned: &Owned, addresses: &BTreeMap<String, String>) -> Listed {
    let (instance, marks) = (&owned.instance, &owned.marks);
    Listed {
        name: instance.name.clone(),
        status: instance.status.clone(),
        created_at: instance.created_at.clone(),
        image: marks.image.clone().unwrap_or_default(),
        persistent: !instance.ephemeral,
        ipv4: if owned.runs() { addresses.get(&instance.name).cloned().unwrap_or_default() } else { String::new() },
        workspace: marks.workspace.as_deref().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default(),
        workspace_target: instance
            .devices
            .get("workspace")
            .and_then(|disk| disk.get("source"))
            .cloned()
            .unwrap_or_default(),
        slot: marks.slot.map(cci_core::slot::Slot::number),
        session_id: marks.session.map(|id| id.to_string()),
        profile: marks.profile.clone(),
        network: marks.network.clone(),
    }
}

/// The addresses of the running ones: most have a fixed one; for the others each network is asked once, no container.
async fn addresses(cx: &Context, owned: &[Owned]) -> BTreeMap<String, String> {
    let (fixed, others): (Vec<_>, Vec<_>) =
        owned.iter().filter(|owned| owned.runs()).partition(|owned| fixed_address(owned).is_some());
    let mut networks: Vec<&str> = others
        .iter()
        .flat_map(|owned| owned.instance.expanded_devices.values())
        .filter_map(|device| device.get("network").map(String::as_str))
        .collect();
    networks.sort_unstable();
    networks.dedup();
    let asked = futures_util::future::join_all(networks.into_iter().map(|name| cx.client.network_leases(name))).await;
    // a network that cannot be asked leaves its containers without an address, which is what is known
    let given = asked.into_iter().flat_map(cci_incus::Result::unwrap_or_default);
    let given = given.filter(|lease| lease.address.contains('.')).map(|lease| (lease.hostname, lease.address));
    let fixed = fixed.iter().filter_map(|owned| Some((owned.instance.name.clone(), fixed_address(owned)?.to_owned())));
    given.chain(fixed).collect()
}

/// The address that a container was created with.
fn fixed_address(owned: &Owned) -> Option<&str> {
    owned.instance.expanded_devices.values().find_map(|device| device.get("ipv4.address")).map(String::as_str)
}
