//! What the host is, as far as a launch depends on it.

use cci_core::Result;
use cci_core::address::Subnet;
use cci_core::environment::HostLocale;
use cci_core::host_disk::HostPath;
use cci_core::idmap::{IdmapFacts, Ids};
use cci_core::network::Policy;
use cci_core::plan::{HostFacts, Network, Nic};
use cci_core::stop_hook::StopHook;
use cci_incus::device::nics;
use cci_incus::{Instance, NetworkLease, Profile};

use super::image::Image;
use super::proof::Proof;
use super::{limits, mounts, workspace};
use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::network::{self, Realised};
use crate::site::host_path;
use cci_host::{incus_socket, subids, zone};

/// The profile whose network and root disk a launch takes.
pub const PROFILE: &str = "default";

/// What a launch finds before it decides anything.
pub struct Survey {
    /// What decides the plan.
    pub host: HostFacts,
    /// The instances there are.
    pub(crate) instances: Vec<Instance>,
    /// What a container is made of.
    pub image: Image,
    /// What is still to be made sure of.
    pub(crate) proof: Proof,
}

/// What of the caller's the container is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The workspace, with the mounts of the settings.
    Workspace,
    /// None of it.
    Nothing,
}

/// Asks Incus for the profile, its network, the instances and what else this launch needs, and reads the host's own
/// tables.
pub async fn survey(cx: &Context, subject: Subject) -> Result<Survey> {
    let (workspace, mounts) = match subject {
        Subject::Workspace => {
            let mounted = !cx.settings.mounts.default.is_empty() || cx.settings.paths.storage_dir.is_some();
            let others = if mounted { host_path::guest_places(cx).await? } else { Vec::new() };
            let mounts = mounts::resolved(&cx.settings, &cx.workspace, &others, &cx.caller)?;
            let workspace = workspace::usable(cx)?;
            if workspace.path() != cx.workspace.path() {
                // by a link, which may lie in a workspace of another container's
                let stays = |root| host_path::stays_inside(cx.workspace.path(), workspace.path(), root);
                host_path::guest_places(cx).await?.iter().try_for_each(|root| stays(root))?;
            }
            (Some(workspace), mounts)
        }
        Subject::Nothing => (None, Vec::new()),
    };
    let image = Image::default();
    let policy = Policy::new(&cx.settings.network)?;
    let (profile, instances, soon, found, stop_hook) = tokio::join!(
        cx.client.profile(PROFILE),
        cx.client.instances(),
        image.soon(cx),
        found(cx, policy),
        stop_hook(cx),
    );
    let (profile, _) = profile.during("read the default profile")?;
    let instances = instances.during("list the containers")?;
    soon?;
    let ((realised, proof), stop_hook) = (found?, stop_hook?);
    let root = profile.root_disk();
    limits::check(cx, root).await?;
    let nic = match realised {
        Some(realised) => Some(guarded(cx, &realised, &profile, &instances)?),
        None => open(cx, &profile, &instances).await?,
    };
    let other_nics = profile.nics().map(|(name, _)| name.to_owned());
    let other_nics = other_nics.filter(|name| nic.as_ref().is_none_or(|nic| nic.device != *name)).collect();
    let subids::OfRoot { subuid, subgid } = subids::of_root(cx.settings.incus.idmap)?;
    let host = HostFacts {
        idmap: IdmapFacts {
            agent: agent_ids(cx, workspace.as_ref()),
            guest: cx.settings.incus.agent_uid,
            subuid,
            subgid,
        },
        locale: HostLocale { timezone: zone::name(&cx.caller), ..cx.caller.locale() },
        nic,
        other_nics,
        nft: cci_host::network::nft(),
        stop_hook,
        root: root.cloned(),
        workspace,
        mounts,
    };
    Ok(Survey { host, instances, image, proof })
}

/// The NIC as a launch finds it now; the network of a policy is made where it is missing, and made sure of.
pub(crate) async fn nic(cx: &Context) -> Result<Option<Nic>> {
    let survey = survey(cx, Subject::Nothing).await?;
    survey.proof.found(cx).await?;
    Ok(survey.host.nic)
}

/// The daemon's own stop hook, for a container that ends with its stop; only a daemon behind a local socket has one that
/// can be known.
async fn stop_hook(cx: &Context) -> Result<Option<StopHook>> {
    if cx.settings.defaults.persistent {
        return Ok(None);
    }
    let server = cx.client.server().await.during("read the server")?;
    let socket = incus_socket::path(&cx.caller, &cx.settings);
    Ok(cci_host::stop_hook::find(server.environment.server_pid, &socket, cx.client.project()))
}

/// The policy's network, and what of it is still to be made sure of; mode `open` has none.
async fn found(cx: &Context, policy: Option<Policy>) -> Result<(Option<Realised>, Proof)> {
    let Some(policy) = policy else { return Ok((None, Proof::none())) };
    match network::glimpse(&policy) {
        Some(seen) => Ok((Some(seen), Proof::of(policy))),
        None => Ok((Some(network::realise(cx, &policy).await?), Proof::none())),
    }
}

/// A NIC on a policy's bridge, in the place of the profile's.
///
/// Who is there has a fixed address, which the instances tell; one of another project that has the same is met by the
/// create, which then takes another. So the leases, ten milliseconds of the daemon's, are not asked for.
fn guarded(cx: &Context, policy: &Realised, profile: &Profile, instances: &[Instance]) -> Result<Nic> {
    let name = profile.nics().next().map_or("eth0", |(name, _)| name);
    let network = known(cx, policy.subnet, Vec::new(), instances)?;
    Ok(Nic::guarded(name, &policy.bridge, Some(network)))
}

/// The profile's own NIC, with what is known of its network if it is one that Incus runs.
async fn open(cx: &Context, profile: &Profile, instances: &[Instance]) -> Result<Option<Nic>> {
    let Some((device, config)) = profile.nics().next() else { return Ok(None) };
    let (device, config) = (device.to_owned(), config.clone());
    let Some(name) = config.network.clone() else { return Ok(Some(Nic { device, config, network: None })) };
    let (found, leases) = tokio::join!(cx.client.network(&name), cx.client.network_leases(&name));
    let address = found.ok().and_then(|(found, _)| Subnet::parse(found.config.get("ipv4.address")?));
    // a network that gives addresses by its own ways is left to do so
    let network = match (address, leases) {
        (Some(subnet), Ok(leases)) => Some(known(cx, subnet, leases, instances)?),
        _ => None,
    };
    Ok(Some(Nic { device, config, network }))
}

/// A network with the addresses on it that are not free.
fn known(cx: &Context, subnet: Subnet, leases: Vec<NetworkLease>, instances: &[Instance]) -> Result<Network> {
    let given = leases.into_iter().filter_map(|lease| Some((lease.hostname, lease.address.parse().ok()?)));
    let fixed = instances.iter().flat_map(|instance| {
        let addresses = nics(&instance.devices).filter_map(|(_, nic)| nic.ipv4_address);
        addresses.map(|address| (instance.name.clone(), address))
    });
    Ok(Network { subnet, taken: given.chain(fixed).collect(), resolv: resolv_file(cx, subnet)? })
}

/// The file that names the bridge as the name server, made once for each bridge.
fn resolv_file(cx: &Context, subnet: Subnet) -> Result<HostPath> {
    let path = cx.cci_dir().join("network").join(format!("{}.conf", subnet.gateway));
    let content = format!("nameserver {}\noptions edns0 trust-ad\n", subnet.gateway);
    cci_host::store::put::shared(&path, content.as_bytes())?;
    host_path::own(&path)
}

/// Who the agent is on the host: the caller, or for root the owner of the workspace.
#[must_use]
pub fn agent_ids(cx: &Context, workspace: Option<&HostPath>) -> Ids {
    match workspace {
        Some(workspace) if cx.caller.ids.uid == 0 => workspace.owner(),
        _ => cx.caller.ids,
    }
}
